"""What a YAML file in configs/studies may say, and the training configurations that it asks for."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from robots.errors import InputError
from robots.yaml_input import convert, read_yaml
from training.config import TrainConfig
from training.config_checks import check_train_config, read_train_config
from training.learner_configs import Part
from training.studies.measures import MEASURES

OVER_VARIANTS, OVER_STEPS, OVER_AXIS = "variants", "steps", "axis"
"""What a panel may show a measure over, beside another measure."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
"""Of a variant: it is also the name of a folder."""


class Variant(Part):
    """One training configuration of a study.

    Attributes:
        config: file of the configuration, looked for beside the study's; empty for the study's `base`.
        set: keys of it that are different here, nested as in the file itself.
        label: in table and picture; by default the variant's name.
        at: where it stands on the study's axis; None in a study without one.
    """

    config: str = ""
    set: dict[str, Any] = msgspec.field(default_factory=dict)
    label: str = ""
    at: float | None = None


class Panel(Part):
    """One panel of the picture.

    Attributes:
        measure: upwards.
        over: `variants`, side by side; `steps`: the learning curve (`success` and `episode_return` have one); `axis`: the study's own; or
            another measure, which makes it a trade.
    """

    measure: str
    over: str = OVER_VARIANTS


class Published(Part):
    """What others have reached, to stand beside.

    Attributes:
        name: of it.
        source: where it is published.
        figures: measure -> the figure, and if there is one what stands behind its plus-minus.
        note: in what it differs.
    """

    name: str
    source: str
    figures: dict[str, tuple[float, ...]]
    note: str = ""


class Study(Part):
    """A study.

    Attributes:
        title: of it.
        base: file of a training configuration, looked for beside the study's.
        variants: what is compared, by name.
        seeds: training seeds of each variant, from 0; ten are the field's practice (Gorsane et al., arXiv 2209.10485).
        steps: budget of each run in env steps; None for what each configuration says.
        episodes: of the final missions of each run, on layouts that are the same for all.
        threads: of each run. Runs side by side share a machine out better than threads do.
        measures: of the table.
        judges: measures by which variants are compared, each by itself.
        axis: what a variant's `at` is, with its unit; empty for none.
        panels: of the picture.
        published: what others have reached.
    """

    title: str
    variants: dict[str, Variant]
    measures: tuple[str, ...]
    panels: tuple[Panel, ...]
    base: str = ""
    seeds: int = 10
    steps: int | None = None
    episodes: int = 4096
    threads: int = 1
    judges: tuple[str, ...] = ("success",)
    axis: str = ""
    published: tuple[Published, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A study that can be run.

    Attributes:
        study: what the file says.
        configs: by variant, each with seed 0.
    """

    study: Study
    configs: dict[str, TrainConfig]

    def label(self, variant: str) -> str:
        """Of a variant, in table and picture."""
        return self.study.variants[variant].label or variant


def read_study(path: str | Path, seeds: int | None = None, steps: int | None = None, episodes: int | None = None) -> Plan:
    """Read and check a study.

    Args:
        path: of the YAML file.
        seeds, steps, episodes: instead of the file's; None for those.

    Raises:
        InputError: names the file, the place in it and the value.
    """
    path = Path(path)
    study = read_yaml(path, Study)
    given = {"seeds": seeds, "steps": steps, "episodes": episodes}
    study = msgspec.structs.replace(study, **{name: value for name, value in given.items() if value is not None})
    _check(study, str(path))
    configs = {name: _config_of(study, name, path) for name in study.variants}
    _check_measures(study, configs, str(path))
    for name, config in configs.items():
        for other in configs:
            if other != name and configs[other] == config:
                raise InputError(f"{path}: variants.{other}: is the same configuration as '{name}'")
    return Plan(study, configs)


def _config_of(study: Study, name: str, path: Path) -> TrainConfig:
    variant, place = study.variants[name], f"{path}: variants.{name}"
    file = variant.config or study.base
    if not file:
        raise InputError(f"{place}: config: is missing, and the study has no base")
    read_train_config(path.parent / file)  # what is wrong with the file itself is said as such
    document = merged(read_yaml(path.parent / file, dict[str, Any]), variant.set)
    config = convert(document, TrainConfig, f"{place}.set")
    changes = {"threads": study.threads, "seed": 0} | ({} if study.steps is None else {"steps": study.steps})
    config = msgspec.structs.replace(config, **changes)
    check_train_config(config, f"{place}.set")
    return config


def merged(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A nested document with some of its values changed; lists are replaced as a whole."""
    result = dict(document)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def _check(study: Study, place: str) -> None:
    for name in ("seeds", "steps", "episodes", "threads"):
        value = getattr(study, name)
        if value is not None and value < 1:
            raise InputError(f"{place}: {name}: is {value}, must be at least 1")
    for name in ("variants", "measures", "judges", "panels"):
        if not getattr(study, name):
            raise InputError(f"{place}: {name}: is empty, must have at least one")
    for name, variant in study.variants.items():
        if not _NAME.fullmatch(name):
            raise InputError(f"{place}: variants: '{name}' is no name; letters, digits, and _ . - after the first of them")
        for key in ("seed", "steps", "threads"):
            if key in variant.set:
                raise InputError(f"{place}: variants.{name}.set.{key}: is {variant.set[key]}, but is the study's to say; leave it out")
        if study.axis and not (variant.at is not None and math.isfinite(variant.at)):
            raise InputError(f"{place}: variants.{name}.at: is {variant.at}, must be a finite number: the study has an axis")
        if variant.at is not None and not study.axis:
            raise InputError(f"{place}: variants.{name}.at: is {variant.at}, but the study has no axis; leave it out")
    for index, published in enumerate(study.published):
        for measure, figure in published.figures.items():
            if len(figure) not in (1, 2):
                raise InputError(f"{place}: published[{index}].figures.{measure}: has {len(figure)} numbers, must have 1 or 2")


def _check_measures(study: Study, configs: dict[str, TrainConfig], place: str) -> None:
    named = {f"{key}[{index}]": name for key in ("measures", "judges") for index, name in enumerate(getattr(study, key))}
    for index, panel in enumerate(study.panels):
        named[f"panels[{index}].measure"] = panel.measure
        if panel.over not in (OVER_VARIANTS, OVER_STEPS, OVER_AXIS):
            named[f"panels[{index}].over"] = panel.over
        if panel.over == OVER_AXIS and not study.axis:
            raise InputError(f"{place}: panels[{index}].over: is {OVER_AXIS}, but the study has none")
        if panel.over == OVER_STEPS and panel.measure not in (curves := [name for name, each in MEASURES.items() if each.curve]):
            raise InputError(f"{place}: panels[{index}].measure: is {panel.measure}; over steps it must be one of: {', '.join(curves)}")
    for index, published in enumerate(study.published):
        named |= {f"published[{index}].figures": name for name in published.figures}
    for where, name in named.items():
        if name not in MEASURES:
            raise InputError(f"{place}: {where}: there is no '{name}'; {_nearest(name, [*MEASURES, OVER_VARIANTS, OVER_STEPS, OVER_AXIS])}")
        if MEASURES[name].world and any(config.world.name != MEASURES[name].world for config in configs.values()):
            raise InputError(f"{place}: {where}: '{name}' is measured in world '{MEASURES[name].world}' only")


def _nearest(name: str, known: Sequence[str]) -> str:
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean '{nearest[0]}'?" if nearest else f"there are: {', '.join(known)}"
