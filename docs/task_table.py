"""The pages of what prompts, frames and clips give: from text, image to video, masks."""

from functools import partial

from task_record import TaskPage
from task_sources import write_frames, write_part, write_picture_region, write_region

from openreels.core.request import GenerationRequest, Keyframe

_SEEN = ("colour", "shape", "size", "motion", "count")
_HEARD = ("material by sound", "contacts with a sound", "sounds with a contact", "sync error ms")
_BELOW = "Hatched is what the model makes, the rest is given; below it what it made."

FROM_A_PROMPT = (
    TaskPage(
        name="t2av",
        title="Text to video with sound",
        row="Text to video with synchronized sound (T2AV)",
        text="Picture and sound come out of one network in the same steps: no frame and no sample "
        "is given, the mask is 0 everywhere.",
        request=GenerationRequest(
            prompt="a large green metal ball bounces in a theatre by day", duration_s=2, seed=1
        ),
        out="t2av.mp4",
        caption="Eight frames at even times, and the sound of the clip.",
        bench=("text",),
        figures=(*_SEEN, *_HEARD),
    ),
    TaskPage(
        name="t2v",
        title="Text to video without sound",
        row="Text to video (T2V), sound switched off",
        text="The audio branch does not run at all, so that the clip costs what the picture costs.",
        request=GenerationRequest(
            prompt="a large purple wooden pyramid swings in a room at dusk",
            duration_s=2,
            seed=2,
            sound=False,
        ),
        out="t2v.mp4",
        caption="Eight frames at even times.",
        bench=("text",),
        figures=(*_SEEN, "flicker"),
        measured="These are the figures of clips with sound; there is no row for silent ones.",
    ),
    TaskPage(
        name="t2a",
        title="Text to sound",
        row="Text to audio (T2A)",
        text="Sound alone: a prompt and the suffix `.wav`; the video branch does not run.",
        request=GenerationRequest(
            prompt="a large metal ring hops up and down on a street",
            kind="audio",
            duration_s=2,
            seed=3,
        ),
        out="t2a.wav",
        caption="Waveform and spectrogram; lines are where a sound begins.",
        bench=("text",),
        figures=("material by sound", "sounds a clip"),
        measured="These are the sounds of clips with a picture; there is no row for sound alone.",
    ),
    TaskPage(
        name="t2i",
        title="Text to image",
        row="Text to image (T2I): one frame",
        text="A picture is a clip of one frame: a prompt and the suffix `.png`.",
        request=GenerationRequest(
            prompt="a large glass star spins on a beach at dusk", kind="image", seed=0
        ),
        out="t2i.png",
        caption="The command with seeds 0 to 7, none left out.",
        bench=("text",),
        figures=("colour", "shape", "size"),
        measured="These are the figures of clips; there is no row for single pictures.",
        seeds=8,
    ),
)

FROM_FRAMES = (
    TaskPage(
        name="first",
        title="Image to video: the first frame",
        row="Image to video (I2V): the first latent frame is given",
        text="The clip starts with a picture and goes on as the prompt says. The picture goes in "
        "as a latent frame beside the noise, with 1 in the mask (eq. 7).",
        request=GenerationRequest(
            prompt="a large blue metal ball jumps to the left on a beach at dusk, the camera "
            "zooms out",
            first_frame="first/start.png",
            duration_s=2,
            seed=4,
        ),
        out="first.mp4",
        caption=_BELOW,
        sources=partial(write_frames, scene=48, start=0.0),
        bench=("first",),
    ),
    TaskPage(
        name="last",
        title="Image to video: the last frame",
        row="Image to video with the end given",
        text="The clip ends with a picture. A latent after the first covers four frames, so the "
        "picture is encoded as four frames in which nothing moves; the network sees it with 1 in "
        "the mask and leads the clip there.",
        request=GenerationRequest(
            prompt="a large blue rubber pyramid rolls to the right on a beach at night",
            last_frame="last/end.png",
            duration_s=2,
            seed=5,
        ),
        out="last.mp4",
        caption=_BELOW,
        sources=partial(write_frames, scene=49, end=2.0),
        bench=("last",),
    ),
    TaskPage(
        name="first-last",
        title="Between two images",
        row="Start and end frame interpolation",
        text="Both ends are given; the model finds a way from one to the other, and its sound.",
        request=GenerationRequest(
            prompt="a medium yellow rubber cube rolls to the left on a street at dusk",
            first_frame="first-last/start.png",
            last_frame="first-last/end.png",
            duration_s=2,
            seed=6,
        ),
        out="first-last.mp4",
        caption=_BELOW,
        sources=partial(write_frames, scene=8, start=0.0, end=2.0),
        bench=("first_last",),
    ),
    TaskPage(
        name="keyframes",
        title="Keyframes at times",
        row="Keyframes at given seconds (up to six)",
        text="Pictures at any seconds inside the clip, each in its own latent frame, which covers "
        "four frames: a quarter of a second must lie between two of them.",
        request=GenerationRequest(
            prompt="a medium blue rubber star bounces to the left in a meadow by day, the camera "
            "pans left",
            keyframes=(
                Keyframe(time_s=0.5, image="keyframes/a.png"),
                Keyframe(time_s=1.25, image="keyframes/b.png"),
            ),
            duration_s=2,
            seed=7,
        ),
        out="keyframes.mp4",
        caption=_BELOW,
        sources=partial(write_frames, scene=3, a=0.5, b=1.25),
        measured="StageBench has no row for keyframes of its own; first and last frame are the "
        "same interface at other times.",
        bench=("first_last",),
    ),
)

FROM_CLIPS = (
    TaskPage(
        name="extend",
        title="Extension forwards",
        row="Video extension: the first k latent frames are given",
        text="A clip goes on, with its sound. `--duration` is the length of the new part.",
        request=GenerationRequest(
            prompt="a large red glass ring rolls to the left on a street at night",
            extend="extend/clip.mp4",
            duration_s=1,
            seed=8,
        ),
        out="extend.mp4",
        caption=_BELOW,
        sources=partial(write_part, scene=50, start=0, stop=17),
        bench=("extend",),
    ),
    TaskPage(
        name="extend-before",
        title="Extension backwards",
        row="Video extension, the new part first (free with the mask)",
        text="What came before a clip: the last latent frames are given instead of the first.",
        request=GenerationRequest(
            prompt="a large purple wooden pyramid rolls to the left on a beach at night",
            extend="extend-before/clip.mp4",
            extend_before=True,
            duration_s=1,
            seed=9,
        ),
        out="extend-before.mp4",
        caption=_BELOW,
        sources=partial(write_part, scene=42, start=16, stop=33),
        measured="StageBench measures extension forwards.",
        bench=("extend",),
    ),
    TaskPage(
        name="inpaint",
        title="Inpainting a fixed region",
        row="Inpainting: a region of a clip, the same in every frame",
        text="White in the mask is made anew as the prompt says. What is kept comes back byte for "
        "byte in the decoded frames. The sound is made new too; `--keep-audio` keeps that of the "
        "clip.",
        request=GenerationRequest(
            prompt="a medium red metal star spins in a room by day",
            edit="inpaint/clip.mp4",
            edit_region="inpaint/mask.png",
            seed=10,
        ),
        out="inpaint.mp4",
        caption="Hatched is the region over the clip that is given; below it what came out.",
        sources=partial(write_region, scene=37, margin=4),
        bench=("inpaint",),
    ),
    TaskPage(
        name="inpaint-moving",
        title="Inpainting a moving region",
        row="Inpainting: another region in every frame",
        text="The mask is a clip as long as the source and follows what is to change.",
        request=GenerationRequest(
            prompt="a large yellow rubber ball bounces on a street at dusk, the camera pans left",
            edit="inpaint-moving/clip.mp4",
            edit_region="inpaint-moving/mask.mp4",
            seed=11,
        ),
        out="inpaint-moving.mp4",
        caption="Hatched is the region over the clip that is given; below it what came out.",
        sources=partial(write_region, scene=17, margin=4, moving=True),
        measured="The row measures a fixed region in the middle.",
        bench=("inpaint",),
    ),
    TaskPage(
        name="inpaint-image",
        title="Inpainting a picture",
        row="Image inpainting: one frame",
        text="The same with one picture: source and mask are pictures, and so is the output.",
        request=GenerationRequest(
            prompt="a large orange wooden cube in a desert at dusk",
            kind="image",
            edit="inpaint-image/picture.png",
            edit_region="inpaint-image/mask.png",
            seed=0,
        ),
        out="inpaint-image.png",
        caption="Hatched is the region of the picture that is given; beside it the command with "
        "seeds 0 to 6, none left out.",
        sources=partial(write_picture_region, scene=5, margin=4, seconds=0.5),
        measured="The row measures clips.",
        bench=("inpaint",),
        seeds=7,
    ),
    TaskPage(
        name="outpaint",
        title="Outpainting",
        row="Outpainting: more picture around a clip",
        text="Another aspect ratio without a mask paints around the clip; the clip stays in the "
        "middle as it is.",
        request=GenerationRequest(
            prompt="a large pink metal star swings in a room at dusk",
            edit="outpaint/clip.mp4",
            aspect_ratio="16:9",
            seed=12,
        ),
        out="outpaint.mp4",
        caption=_BELOW,
        sources=partial(write_part, scene=12, start=0, stop=33),
        measured="StageBench has no row for outpainting; kept pixels are pasted back as in "
        "inpainting.",
        bench=("inpaint",),
        figures=("kept pixels PSNR dB", "kept pixels identical"),
    ),
)
