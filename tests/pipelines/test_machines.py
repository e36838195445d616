from openreels.pipelines.machines import MACHINES, UTILISATION


def test_machines_have_names_of_their_own_and_a_source():
    names = [machine.name for machine in MACHINES]
    assert len(set(names)) == len(names)
    assert all("NVIDIA" in machine.source for machine in MACHINES)
    assert 0 < UTILISATION < 1


def test_peaks_are_dense():
    """Twice these is what data sheets print for sparse matrices."""
    by_name = {machine.name: machine.tflops for machine in MACHINES}
    assert by_name["H100 SXM"] == by_name["H200 SXM"] == 1979 / 2
    assert by_name["B200"] == 36_000 / 2 / 8
