"""The measuring instruments of StageBench: trained detectors, not part of the model."""
