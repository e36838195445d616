"""All pages by name, and the index: the tasks of the paper, row by row."""

from task_record import IndexRow, TaskPage
from task_table import FROM_A_PROMPT, FROM_CLIPS, FROM_FRAMES
from task_table_guided import EDITS, LARGER, REFERENCES, TOLD

PAGES_BY_NAME: dict[str, TaskPage] = {
    page.name: page
    for page in (
        *FROM_A_PROMPT, *FROM_FRAMES, *FROM_CLIPS, *REFERENCES, *EDITS, *TOLD, *LARGER,
    )
}  # fmt: skip


def _row(task: str, options: str, page: str, bench: str = "", figure: str = "") -> IndexRow:
    return IndexRow(
        task=task,
        options=options,
        page=page,
        bench=bench,
        figure=figure,
        trained=PAGES_BY_NAME[page].trained,
    )


INDEX: dict[str, tuple[IndexRow, ...]] = {
    "From a prompt": (
        _row("Text to video with sound", "`-o ball.mp4`", "t2av", "text", "material by sound"),
        _row("Text to video, silent", "`--no-sound`", "t2v", "text", "motion"),
        _row("Text to audio", "`-o ball.wav`", "t2a"),
        _row("Text to image", "`-o ball.png`", "t2i"),
        _row("Effects in sync", "`-o ball.mp4`", "t2av", "text", "sync error ms"),
        _row("Dialogue, lip sync", "`<dialogue>`", "speech", "text speech", "lip sync off ms"),
        _row("Singing", "`<singing>`", "song", "text song", "sung pitch off cents"),
        _row("Music", "`<bgm>`", "music", "text music", "mood right"),
        _row("Ambience", "`<sfx>`", "music", "text ambience", "ambience right"),
        _row("On-screen text", "`<text>`", "words", "text words", "letters read back"),
        _row("Multi-shot", "`shot 2, from 0.8 s:`", "cuts", "text cuts", "cuts within 2 frames"),
        _row("Style", "words", "looks", "text style", "style right"),
        _row("Weather", "words", "looks", "text weather", "weather right"),
    ),
    "Given frames and clips: Concat(V, I, M)": (
        _row("Image to video", "`--first-frame IMG`", "first", "first", "first-frame PSNR dB"),
        _row("Last frame", "`--last-frame IMG`", "last", "last", "last-frame PSNR dB"),
        _row("Start and end", "both", "first-last", "first_last", "last-frame PSNR dB"),
        _row("Keyframes at times", "`--keyframe 0.5=IMG`", "keyframes"),
        _row("Extension", "`--extend CLIP`", "extend", "extend",
             "continuation against the true one PSNR dB"),
        _row("Extension backwards", "`--extend-before`", "extend-before"),
        _row("Inpainting", "`--edit CLIP --edit-region IMG`", "inpaint", "inpaint",
             "seam step of 255"),
        _row("Inpainting, moving mask", "`--edit CLIP --edit-region CLIP`", "inpaint-moving"),
        _row("Image inpainting", "`--edit IMG --edit-region IMG`", "inpaint-image"),
        _row("Outpainting", "`--edit CLIP --aspect-ratio 16:9`", "outpaint"),
        _row("Keep the source audio", "`--keep-audio`", "inpaint", "inpaint",
             "kept pixels identical"),
    ),
    "References: before the clip, at negative times": (
        _row("Several images", "`--ref @hero=IMG,IMG`", "subjects", "subjects", "colour kept"),
        _row("Several images and voices", "`--voice @hero=WAV`", "voices", "subjects and voices",
             "voice right"),
        _row("Image and motion video", "`--ref-video @moves=CLIP`", "motion",
             "images and motion", "motion correlation"),
        _row("Subject and expression", "`--ref-video @mimic=CLIP`", "expression",
             "subject and expression", "expression right"),
        _row("First frame and effect", "`--ref-video @magic=CLIP`", "effect",
             "frame and effect", "effect right"),
        _row("Grid storyboard", "`--grid @story=IMG`", "storyboard", "storyboard",
             "panels PSNR dB"),
        _row("Keyframe without a time", "`--keyframe auto=IMG`", "storyboard"),
        _row("Scene and style", "`--ref @look=IMG`", "style-reference", "style", "style right"),
        _row("Music, ambience", "`--audio-ref @theme=WAV`", "music-reference", "music",
             "mood right"),
        _row("Inpainting after images", "`--edit ... --edit-region ... --ref ...`",
             "inpaint-reference", "inpaint subject by reference", "success"),
        _row("Editing after images", "`--edit ... --ref ...`", "replace-reference",
             "replace by reference", "success"),
    ),
    "Editing by instruction": (
        _row("Attributes: colour, material, shape, size", "`--edit CLIP`", "edit-colour",
             "edit colour", "success"),
        _row("Add a subject", "`--edit CLIP`", "edit-add", "edit add", "success"),
        _row("Delete a subject", "`--edit CLIP`", "edit-remove", "edit remove", "success"),
        _row("Watermark, subtitle, logo", "`--edit CLIP`", "edit-overlay", "edit overlay",
             "success"),
        _row("Background", "`--edit CLIP`", "edit-place", "edit place", "success"),
        _row("Weather", "`--edit CLIP`", "edit-weather", "edit weather", "success"),
        _row("Time of day, light", "`--edit CLIP`", "edit-place", "edit time of day",
             "success"),
        _row("Style", "`--edit CLIP`", "edit-style", "edit style", "success"),
        _row("Camera", "`--edit CLIP`", "edit-camera", "edit camera", "success"),
    ),
    "Larger": (
        _row("Refiner: 256p and more, 32 fps", "`--resolution 256p`, `openreels refine CLIP`",
             "refiner", "refine", "gain over repeated frames dB"),
    ),
}  # fmt: skip
