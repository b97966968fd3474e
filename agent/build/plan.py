"""The stages of a build and which of them it needs: a graph whose edges are FROM, COPY --from and mounts from a stage.

A stage may only name earlier stages, so the graph has no cycles and the order of the file is an order to show it in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.build.build_args import BuildArgs
from agent.build.expansion import Expander, ExpansionError
from agent.build.instructions import Add, Arg, Copy, From, Instruction, Label, Run
from agent.build.syntax import Statement
from wire.errors import Invalid

__all__ = ["Plan", "Stage", "make_plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One FROM and what follows it. `index` is its place in the file, `needs` the indexes of stages it reads."""

    index: int
    base: From
    instructions: tuple[Instruction, ...]
    needs: frozenset[int] = field(default_factory=frozenset)

    @property
    def name(self) -> str:
        return self.base.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to build: arguments declared first, then `stages` in order of the file; the last one is the result.

    `index_of` finds a stage by its name for the stage at a given index: only earlier ones, the latest of that name.
    """

    global_args: tuple[Arg, ...]
    stages: tuple[Stage, ...]
    every_stage: tuple[Stage, ...]

    @property
    def step_count(self) -> int:
        """Numbered steps: declarations, FROMs and instructions of the stages that are built."""
        return len(self.global_args) + sum(1 + len(stage.instructions) for stage in self.stages)

    def find_stage(self, ref: str, before: int) -> Stage | None:
        """The stage that FROM or `--from` means by name in stage `before`, None when it means an image."""
        wanted = ref.lower()
        found = [stage for stage in self.every_stage[:before] if stage.name and stage.name == wanted]
        return found[-1] if found else None

    def find_numbered(self, ref: str) -> int | None:
        """The stage number that `--from` gives, None when it is no number."""
        return int(ref) if ref.isdecimal() else None


def make_plan(
    instructions: Sequence[Instruction],
    *,
    target: str = "",
    labels: Mapping[str, str] | None = None,
    build_args: BuildArgs | None = None,
    skip_unreachable: bool = True,
) -> Plan:
    """Cut instructions into stages and keep those that the result needs.

    `target` names the last stage to build (any case); `labels` are set by it at its end; `build_args` expand the
    FROMs, whose references may name stages. Raises Invalid.
    """
    global_args, cut = _cut_stages(instructions)
    if target:
        found = [index for index, stage in enumerate(cut) if stage[0].name == target.lower()]
        if not found:
            raise Invalid(f'target stage "{target}" could not be found')
        cut = cut[: found[0] + 1]
    base, body = cut[-1]
    cut[-1] = (base, [*body, *_label_instructions(labels or {}, base)])
    names = _global_values(global_args, build_args)
    stages: list[Stage] = []
    for index, (base, body) in enumerate(cut):
        stages.append(Stage(index=index, base=base, instructions=tuple(body)))
        stages[-1] = replace(stages[-1], needs=_needs(stages, names))
    needed = _reachable(stages) if skip_unreachable else set(range(len(stages)))
    return Plan(
        global_args=tuple(global_args),
        stages=tuple(stage for stage in stages if stage.index in needed),
        every_stage=tuple(stages),
    )


def _cut_stages(instructions: Sequence[Instruction]) -> tuple[list[Arg], list[tuple[From, list[Instruction]]]]:
    global_args: list[Arg] = []
    cut: list[tuple[From, list[Instruction]]] = []
    for instruction in instructions:
        if isinstance(instruction, From):
            cut.append((instruction, []))
        elif cut:
            cut[-1][1].append(instruction)
        elif isinstance(instruction, Arg):
            global_args.append(instruction)
        else:
            raise Invalid("no build stage in current context")
    if not cut:
        raise Invalid("no build stage in current context")
    return global_args, cut


def _label_instructions(labels: Mapping[str, str], base: From) -> list[Label]:
    made = []
    for name, value in sorted(labels.items()):
        text = f"LABEL {name}={value}"
        statement = Statement(
            keyword="LABEL",
            original=text,
            rest=f"{name}={value}",
            line=base.statement.line,
            end_line=base.statement.line,
        )
        made.append(Label(statement=statement, pairs=((name, value),), expand=False))
    return made


def _global_values(global_args: Sequence[Arg], build_args: BuildArgs | None) -> dict[str, str]:
    """What FROM words may refer to, as far as it is known; a fault shows when the step runs."""
    args = build_args or BuildArgs({})
    expander = Expander()
    for instruction in global_args:
        for name, default in instruction.pairs:
            try:
                value = None if default is None else expander.word(default, args.globals())
            except ExpansionError:
                value = None
            args.declare_global(name, value)
    return args.globals()


def _needs(stages: Sequence[Stage], names: Mapping[str, str]) -> frozenset[int]:
    """Earlier stages that the last of `stages` reads."""
    stage = stages[-1]
    earlier = {other.name: other.index for other in stages[:-1] if other.name}
    found: set[int] = set()
    if stage.name in earlier:
        found.add(earlier[stage.name])  # a name taken twice is told once its first stage is built, as Docker does
    try:
        base = Expander().word(stage.base.base, names).lower()
    except ExpansionError:
        base = ""
    if base in earlier:
        found.add(earlier[base])
    for instruction in stage.instructions:
        refs: list[str] = []
        if isinstance(instruction, Copy) and instruction.from_:
            refs.append(instruction.from_)
        elif isinstance(instruction, Run):
            refs += [mount.from_ for mount in instruction.mounts if mount.from_]
        elif isinstance(instruction, Add):
            continue
        for ref in refs:
            if ref.lower() in earlier:
                found.add(earlier[ref.lower()])
            elif ref.isdecimal() and int(ref) < stage.index:
                found.add(int(ref))
    return frozenset(found)


def _reachable(stages: Sequence[Stage]) -> set[int]:
    needed: set[int] = set()
    todo = [stages[-1].index]
    while todo:
        index = todo.pop()
        if index not in needed:
            needed.add(index)
            todo += stages[index].needs
    return needed
