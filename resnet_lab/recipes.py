"""Recipe presets by name: source, length and fields of each.

python -m resnet_lab.recipes
python -m resnet_lab.recipes --json
"""

from collections.abc import Sequence

from resnet_lab.listings.output import JsonOption, print_entries, print_json
from resnet_lab.spec.recipes import RECIPES, RecipePreset, Stated
from resnet_lab.system.command import parse, reporting


def main(argv: Sequence[str] | None = None) -> None:
    """List the presets. Exits with 2 for a mistake of the user's."""
    with reporting():
        description = "The recipe presets, for --recipe: each field with the place where it is stated."
        options = parse(JsonOption, prog="python -m resnet_lab.recipes", description=description, argv=argv)
        if options.json:
            print_json([preset.as_dict() for preset in RECIPES.values()])
        else:
            print_entries([(f"{preset.name}: {preset.title}", _texts(preset)) for preset in RECIPES.values()])


def _texts(preset: RecipePreset) -> dict[str, str]:
    """Return the labelled texts of a preset."""
    return {
        "length": preset.length,
        "fields": "\n".join(map(_line, preset.stated)),
        "not stated": ", ".join(preset.unstated),
        "noted": preset.noted,
    }


def _line(stated: Stated) -> str:
    fields = ", ".join(f"{name}={value}" for name, value in stated.fields.items())
    return f"{fields} ({stated.place})"


if __name__ == "__main__":
    main()
