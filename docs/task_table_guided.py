"""The pages of what stands before the clip or in the prompt alone: references, edits, voices.

Many of them are ``task_record.UNTRAINED``; their pages say so.
"""

from functools import partial

from task_record import TaskPage
from task_sources import write_case

from openreels.core.request import GenerationRequest, Reference, TaggedFile

_MADE = "Above what the prompt names, below it what the model made."
_CHANGED = "Above the clip that is given, below it what came out."


def _images(folder: str, place: int, count: int) -> tuple[str, ...]:
    return tuple(f"{folder}/reference-{place}-{number}.png" for number in range(count))


REFERENCES = (
    TaskPage(
        name="subjects",
        title="Subjects from pictures",
        row="Several subjects, each shown by one to five pictures",
        text="The pictures stand before the clip in self-attention, with negative times "
        "(eq. 8, 9), and the prompt names them by their tags.",
        request=GenerationRequest(
            prompt="@hero bounces to the right and @friend jumps to the left in a room at dusk, "
            "the camera zooms out",
            references=(
                Reference(tag="@hero", images=_images("subjects", 0, 1)),
                Reference(tag="@friend", images=_images("subjects", 1, 2)),
            ),
            duration_s=2,
            seed=20,
        ),
        out="subjects.mp4",
        caption=_MADE,
        sources=partial(write_case, row="subjects", number=4),
        bench=("subjects",),
    ),
    TaskPage(
        name="voices",
        title="Subjects with voices",
        row="Several subjects with a voice each",
        text="A voice sample belongs to the pictures of the same tag; it stands before the sound "
        "in the audio branch.",
        request=GenerationRequest(
            prompt="@hero bounces to the right and @friend jumps to the left in a room at dusk, "
            "the camera zooms out. @hero says <dialogue>sha-la</dialogue>@hero. @friend says "
            "<dialogue>ru-mo-li</dialogue>@friend.",
            references=(
                Reference(tag="@hero", images=_images("voices", 0, 1)),
                Reference(tag="@friend", images=_images("voices", 1, 2)),
            ),
            voices=(
                TaggedFile(tag="@hero", path="voices/reference-2.wav"),
                TaggedFile(tag="@friend", path="voices/reference-3.wav"),
            ),
            duration_s=2,
            seed=21,
        ),
        out="voices.mp4",
        caption=_MADE,
        sources=partial(write_case, row="subjects and voices", number=4),
        bench=("subjects and voices",),
    ),
    TaskPage(
        name="motion",
        title="Motion from a clip",
        row="Images and a motion video",
        text="The subject of the pictures moves as another one does in a clip. Length, size and "
        "sound are those of the clip.",
        request=GenerationRequest(
            prompt="@hero moves like @moves in a room at night, the camera pans left",
            references=(Reference(tag="@hero", images=_images("motion", 0, 3)),),
            ref_video=TaggedFile(tag="@moves", path="motion/reference-1.mp4"),
            seed=22,
        ),
        out="motion.mp4",
        caption=_MADE,
        sources=partial(write_case, row="images and motion", number=2),
        bench=("images and motion",),
    ),
    TaskPage(
        name="expression",
        title="Expression from a clip",
        row="Subject and facial expression",
        text="The face of one in a clip on the subject of the pictures.",
        request=GenerationRequest(
            prompt="@hero jumps in a room at night with the expression of @mimic, the camera "
            "pans left",
            references=(Reference(tag="@hero", images=_images("expression", 0, 3)),),
            ref_video=TaggedFile(tag="@mimic", path="expression/reference-1.mp4"),
            seed=23,
        ),
        out="expression.mp4",
        caption=_MADE,
        sources=partial(write_case, row="subject and expression", number=2),
        bench=("subject and expression",),
    ),
    TaskPage(
        name="effect",
        title="A first frame and an effect",
        row="First frame and visual effect",
        text="The clip begins as a picture, and what happens to another one in a clip happens to "
        "its subject.",
        request=GenerationRequest(
            prompt="the clip begins as @start and it jumps, then undergoes the effect of @magic, "
            "the camera pans left",
            references=(Reference(tag="@start", images=_images("effect", 0, 1)),),
            ref_video=TaggedFile(tag="@magic", path="effect/reference-1.mp4"),
            seed=24,
        ),
        out="effect.mp4",
        caption=_MADE,
        sources=partial(write_case, row="frame and effect", number=2),
        bench=("frame and effect",),
    ),
    TaskPage(
        name="storyboard",
        title="Storyboard",
        row="A grid of panels (storyboard)",
        text="One collage, cut at its seams into panels; the clip passes through them in order.",
        request=GenerationRequest(
            prompt="the clip tells the storyboard @story in order, the camera pans left",
            grid=TaggedFile(tag="@story", path="storyboard/reference-0-0.png"),
            duration_s=2,
            seed=25,
        ),
        out="storyboard.mp4",
        caption=_MADE,
        sources=partial(write_case, row="storyboard", number=2),
        bench=("storyboard",),
    ),
    TaskPage(
        name="style-reference",
        title="Style or place from a picture",
        row="Scene, style and object references",
        text="A picture shows how everything is to look, or where it is to happen.",
        request=GenerationRequest(
            prompt="a large green glass star jumps in a room at night, the camera pans left. The "
            "style is that of @look.",
            references=(Reference(tag="@look", images=_images("style-reference", 0, 1)),),
            duration_s=2,
            seed=26,
        ),
        out="style-reference.mp4",
        caption=_MADE,
        sources=partial(write_case, row="style", number=2),
        bench=("style", "place"),
    ),
    TaskPage(
        name="music-reference",
        title="Music or ambience from a sound",
        row="Audio references: a music theme, an ambience",
        text="A sound stands before the sound of the clip; the prompt says what of it to follow.",
        request=GenerationRequest(
            prompt="a large green glass star jumps in a room at night, the camera pans left. "
            "Music like @theme plays.",
            audio_refs=(TaggedFile(tag="@theme", path="music-reference/reference-0.wav"),),
            duration_s=2,
            seed=27,
        ),
        out="music-reference.mp4",
        caption="What the model made; the sound that it is given is not drawn.",
        sources=partial(write_case, row="music", number=2),
        bench=("music", "ambience"),
    ),
    TaskPage(
        name="inpaint-reference",
        title="Inpainting after pictures",
        row="Inpainting of a masked region guided by reference images",
        text="A mask says where, pictures say what: channels and context together (appendix "
        "A.2.2).",
        request=GenerationRequest(
            prompt="@hero bounces and a large cyan wooden star jumps to the left in a room at "
            "dusk, the camera zooms out",
            edit="inpaint-reference/source.mp4",
            edit_region="inpaint-reference/region.mp4",
            references=(Reference(tag="@hero", images=_images("inpaint-reference", 0, 1)),),
            seed=28,
        ),
        out="inpaint-reference.mp4",
        caption="The picture, the clip with the region hatched, and what came out.",
        sources=partial(write_case, row="inpaint subject by reference", number=4),
        bench=("inpaint subject by reference", "inpaint subjects by references"),
    ),
    TaskPage(
        name="replace-reference",
        title="Editing after pictures",
        row="Edits with references: subject, background, motion, expression, effect",
        text="No mask: the instruction says what of the clip becomes what the pictures show.",
        request=GenerationRequest(
            prompt="Take @video_1 and swap the green star for @hero.",
            edit="replace-reference/source.mp4",
            references=(Reference(tag="@hero", images=_images("replace-reference", 0, 3)),),
            seed=29,
        ),
        out="replace-reference.mp4",
        caption="The pictures, the clip, and what came out.",
        sources=partial(write_case, row="replace by reference", number=2),
        bench=("replace by reference", "background by reference"),
    ),
)


def _edit(
    name: str, title: str, row: str, prompt: str, case: tuple[str, int], more: tuple[str, ...] = ()
) -> TaskPage:
    """A page of an edit by instruction; ``case`` is a row of StageBench and its example."""
    return TaskPage(
        name=name,
        title=title,
        row=row,
        text="The clip that is given is `@video_1`, a reference before the new one; nothing but "
        "the instruction says what changes. `--keep-audio` keeps its sound.",
        request=GenerationRequest(prompt=prompt, edit=f"{name}/source.mp4", seed=30 + case[1]),
        out=f"{name}.mp4",
        caption=_CHANGED,
        sources=partial(write_case, row=case[0], number=case[1]),
        bench=(case[0], *more),
    )


EDITS = (
    _edit("edit-colour", "Edit: colour, material, shape, size",
          "Local attributes: colour, material, shape",
          "Take @video_1 and recolour the green star in red.", ("edit colour", 2),
          ("edit material", "edit shape", "edit size")),
    _edit("edit-add", "Edit: add a subject", "Add a subject",
          "Take @video_1 and bring in a large green rubber ball on the left that bounces.",
          ("edit add", 3)),
    _edit("edit-remove", "Edit: remove a subject", "Delete a subject",
          "Take @video_1 and leave out the purple star.", ("edit remove", 2)),
    _edit("edit-overlay", "Edit: remove watermark, subtitle, logo",
          "Watermark, subtitle and logo removal",
          "Take @video_1 and get rid of the watermark in the bottom left corner.",
          ("edit overlay", 4)),
    _edit("edit-place", "Edit: place and time of day", "Background; light, time of day",
          "Take @video_1 and swap the surroundings: on a sandy beach.", ("edit place", 2),
          ("edit time of day",)),
    _edit("edit-weather", "Edit: weather", "Weather",
          "Take @video_1 and swap the weather: in the snow.", ("edit weather", 1)),
    _edit("edit-style", "Edit: style", "Style: paper-cut, bricks, sketch",
          "Take @video_1 and restyle all of it as a paper-cut animation.", ("edit style", 1)),
    _edit("edit-camera", "Edit: camera", "Camera: pan, angle, shot type",
          "Take @video_1 and reshoot all of it: the camera pans right.", ("edit camera", 3)),
)  # fmt: skip


def _told(name: str, title: str, row: str, prompt: str, rows: tuple[str, ...]) -> TaskPage:
    """A page of what the prompt language asks for."""
    return TaskPage(
        name=name,
        title=title,
        row=row,
        text="Nothing is given but the prompt; its language is in [prompts.md](../prompts.md).",
        request=GenerationRequest(prompt=prompt, duration_s=2, seed=40),
        out=f"{name}.mp4",
        caption="Eight frames at even times, and the sound of the clip.",
        bench=rows,
    )


_BALL = (
    "Subjects: @ball is a medium yellow rubber ball{face} in the middle. Scene: {scene}. Motion: "
    "@ball jumps, drifting to the right <sfx>a soft thump</sfx>.{more}"
)
_MEADOW = "in a meadow, by day; the camera pans right"
TOLD = (
    _told("speech", "Dialogue", "Dialogue, several speakers, lip sync",
          _BALL.format(face=" with a happy face", scene=_MEADOW,
                       more=" Audio: from 0.2 s: @ball says <dialogue>lo-po</dialogue> in a high "
                       "voice; from 0.9 s: @ball says <dialogue>ka-pe-ro-mo</dialogue> in a high "
                       "voice."),
          ("text speech",)),
    _told("song", "Singing", "Singing",
          _BALL.format(face=" with a happy face", scene=_MEADOW,
                       more=" Audio: from 0.2 s: @ball sings <singing>mi-ga-ta</singing> in a low "
                       "voice on the notes C3 E3 G3."),
          ("text song",)),
    _told("music", "Music and ambience", "Music, changing with the shots; ambience",
          _BALL.format(face="", scene=_MEADOW,
                       more=" Audio: <bgm>happy music on a guitar, 120 beats a minute, in C "
                       "major</bgm>."),
          ("text music", "text ambience")),
    _told("words", "Words in the picture", "On-screen text",
          _BALL.format(face="", scene=_MEADOW,
                       more=" Picture: at the bottom it says <text>WOW</text>."),
          ("text words",)),
    _told("cuts", "Several shots", "Multi-shot with cuts",
          _BALL.format(face="", scene=f"shot 1: {_MEADOW}. shot 2, from 0.8 s: a close view of "
                       "@ball on a beach; the camera is still", more=""),
          ("text cuts",)),
    _told("looks", "Weather, style, expression", "Style, weather and face by the prompt",
          _BALL.format(face=" with a happy face",
                       scene="in a meadow, by day, in falling snow; the camera pans right",
                       more=" Picture: it looks like a drawing."),
          ("text style", "text weather", "text expression")),
)  # fmt: skip

LARGER = (
    TaskPage(
        name="refiner",
        title="The refiner: 256 pixels, 32 frames a second",
        row="Super-resolution and frame interpolation in one pass (sec. 4.5)",
        text="The base makes the clip at 64 pixels and 16 frames a second, the refiner four times "
        "the size and twice the rate ([refiner.md](../refiner.md)). `openreels refine` does the "
        "same to any clip.",
        request=GenerationRequest(
            prompt="a large green metal ball bounces in a theatre by day",
            resolution="256p",
            duration_s=2,
            seed=1,
        ),
        out="refiner.mp4",
        caption="Eight frames at even times, and the sound of the clip.",
        bench=("refine",),
    ),
)
