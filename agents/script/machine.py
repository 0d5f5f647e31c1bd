"""Plays a script: stimuli in, actions out. Pure: no clock, no I/O; what it knows of time comes with the stimuli."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from agents.ports import (
    Action,
    Answered,
    Attention,
    DigitPressed,
    FarSpeaking,
    HangUp,
    Heard,
    Note,
    Say,
    Silence,
    Stimulus,
)
from agents.script import doing
from agents.script.language import (
    Condition,
    Do,
    DoGoto,
    DoHangUp,
    DoInterrupt,
    DoSay,
    Script,
    Step,
    WhenAnswered,
    WhenGreeted,
    WhenHeard,
    WhenPressed,
    WhenSilent,
    WhenSpeaking,
)
from agents.script.words import as_spoken, forms

MAX_DIGITS = 64
MAX_HISTORY = 400
# So many turns in a row that no step answers mean that the call has left the script.
LEFT_AFTER = 3


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the call as this side knows it: what the far end said, and what it heard of us."""

    mine: bool
    text: str


@dataclass(frozen=True, slots=True)
class _Interruption:
    """Waits until the far end has been speaking for `after_ms`; then it is spoken, and `rest` done."""

    step: Step
    do: DoInterrupt
    rest: tuple[Do, ...]


class ScriptMachine:
    """One call's play of a script. `captures` holds what was heard, set, looked up and computed so far;
    `heard` is the far end's last turn and `said` our last words."""

    def __init__(self, script: Script, facts: Mapping[str, object] | None = None) -> None:
        self.script = script
        self.captures: dict[str, object] = dict(facts or {})
        self.finished = False
        self.history: list[Line] = []
        self._pointer = 0
        self._happened: Counter[str] = Counter()
        self._greeted = False
        self._digits = ""
        self._unanswered = 0
        self._interruption: _Interruption | None = None
        self._hops = 0
        self._answered = False
        self._far_end_first = False
        self._before: dict[str, object] = {}  # the state before the last stimulus

    # --- What the session asks ----------------------------------------------------------------------------------------
    def on(self, stimulus: Stimulus) -> list[Action]:
        """What to do now, in order; [] for nothing."""
        if self.finished:
            return []
        self._hops = 0
        self._keep_state()
        first_turn = self._take_in(stimulus)
        if actions := self._interrupt_now(stimulus):
            return actions
        for step in self._listening():
            for condition in step.when:
                groups = self._matches(condition, stimulus, late=step is self.awaited or first_turn)
                if groups is not None:
                    return self._answer(step, stimulus, groups)
        return self._unmatched(stimulus)

    def was_cut(self, heard: str) -> None:
        """The far end cut our last reply after `heard`; "": the last stimulus and its reply never happened."""
        if not heard:
            vars(self).update(self._before)
            return
        for n in range(len(self.history) - 1, -1, -1):
            if self.history[n].mine:
                self.history[n] = Line(True, heard)
                return

    def _keep_state(self) -> None:
        kept = {name: value for name, value in vars(self).items() if name not in ("script", "_before")}
        self._before = kept | {
            "captures": dict(self.captures),
            "history": list(self.history),
            "_happened": Counter(self._happened),
        }

    @property
    def attention(self) -> Attention:
        if self.finished:
            return Attention()
        conditions = [condition for step in self._listening() for condition in step.when]
        silences = [c.silence_ms for c in conditions if isinstance(c, WhenSilent)]
        speaking = [c.speaking_ms for c in conditions if isinstance(c, WhenSpeaking)]
        if self._interruption:
            speaking.append(max(self._interruption.do.after_ms, 1))
        return Attention(min(silences, default=None), min(speaking, default=None))

    @property
    def awaited(self) -> Step | None:
        """The step that is due; None once all have happened."""
        later = self.script.steps[self._pointer :]
        return next((step for step in later if step.when and not step.anytime and self._may_happen(step)), None)

    # --- Listening ----------------------------------------------------------------------------------------------------
    def _listening(self) -> list[Step]:
        """The awaited step, the anytime steps in the order written, and the fallbacks last.

        A far end that speaks first may say more than hello: then the greeting stands back behind what answers it.
        """
        anytime = [step for step in self.script.steps if step.anytime and self._may_happen(step)]
        steps = [step for step in anytime if not step.is_fallback]
        if awaited := self.awaited:
            steps.insert(len(steps) if self._far_end_first and WhenAnswered() in awaited.when else 0, awaited)
        return steps + [step for step in anytime if step.is_fallback]

    def _may_happen(self, step: Step) -> bool:
        return (
            not (step.once and self._happened[step.id])
            and all(doing.holds(self.captures, name, wanted) for name, wanted in step.has.items())
            and not any(doing.known(self.captures, name) for name in step.lacks)
        )

    def _take_in(self, stimulus: Stimulus) -> bool:
        """Remembers the stimulus; whether it is the far end's first turn."""
        self._far_end_first = isinstance(stimulus, Heard) and not self._answered
        self._answered = True
        if isinstance(stimulus, DigitPressed):
            self._digits = (self._digits + stimulus.digit)[-MAX_DIGITS:]
        if not isinstance(stimulus, Heard) or not stimulus.text.strip():
            return False
        self._remember(False, stimulus.text)
        self.captures["heard"] = stimulus.text.strip()
        first, self._greeted = not self._greeted, True
        return first

    def _matches(self, condition: Condition, stimulus: Stimulus, late: bool) -> dict[str, str] | None:
        """The captures, {} without any; None where the condition does not hold."""
        match condition, stimulus:
            case WhenAnswered(), Answered():
                return {}
            case WhenAnswered(), Heard() if self._far_end_first:
                # On a call that we placed the one who picks up speaks first: their hello is our cue.
                return {}
            case WhenGreeted(), Heard(text=text) if text.strip() and late:
                return {}
            case WhenHeard(pattern=pattern), Heard(text=text):
                found = next((f for form in forms(text, self.script.variants) if (f := pattern.search(form))), None)
                return None if found is None else {k: as_spoken(v, text) for k, v in found.groupdict().items() if v}
            case WhenPressed(pattern=pattern), DigitPressed():
                found = pattern.search(self._digits)
                return None if found is None else {k: v for k, v in found.groupdict().items() if v}
            case WhenSilent(silence_ms=least), Silence(duration_ms=duration_ms) if duration_ms >= least:
                return {}
            case WhenSpeaking(speaking_ms=least), FarSpeaking(duration_ms=duration_ms) if duration_ms >= least:
                return {}
        return None

    def _unmatched(self, stimulus: Stimulus) -> list[Action]:
        if not isinstance(stimulus, Heard) or not stimulus.text.strip():
            return []
        self._unanswered += 1
        if self._unanswered != LEFT_AFTER:
            return []
        return [Note("script_left", {"awaited": self.awaited.id if self.awaited else "", "turns": LEFT_AFTER})]

    # --- Doing --------------------------------------------------------------------------------------------------------
    def _answer(self, step: Step, stimulus: Stimulus, groups: dict[str, str]) -> list[Action]:
        self._unanswered = 0
        actions: list[Action] = []
        self._far_end_first = isinstance(stimulus, Heard) and not self._answered
        self._answered = True
        if isinstance(stimulus, DigitPressed):
            self._digits = ""
        if self._interruption:
            actions.append(Note("interruption_missed", {"step": self._interruption.step.id}))
            self._interruption = None
        if groups:
            self.captures |= groups
            actions.append(Note("captured", dict(groups)))
        return actions + self._happen(step, stimulus)

    def _happen(self, step: Step, stimulus: Stimulus) -> list[Action]:
        self._happened[step.id] += 1
        if step.then:
            self._pointer = self.script.index(step.then)
        elif not step.anytime:
            self._pointer = self.script.index(step.id) + 1
        return self._do(step, step.do, stimulus)

    def _do(self, step: Step, todo: tuple[Do, ...], stimulus: Stimulus) -> list[Action]:
        actions: list[Action] = []
        for n, do in enumerate(todo):
            match do:
                case DoSay(texts=texts):
                    text = texts[(self._happened[step.id] - 1) % len(texts)]
                    actions += doing.say(text, self.captures, interrupts=False)
                case DoInterrupt():
                    self._interruption = _Interruption(step, do, todo[n + 1 :])
                    actions += self._interrupt_now(stimulus)
                    break
                case DoGoto(step=target):
                    actions += self._go_to(target, stimulus)
                case DoHangUp(reason=reason):
                    self.finished = True
                    actions.append(HangUp(reason))
                case _:
                    actions += doing.DO[type(do)](do, self.captures)
        self._remember_said(actions)
        return actions

    def _interrupt_now(self, stimulus: Stimulus) -> list[Action]:
        waiting = self._interruption
        if not waiting or not isinstance(stimulus, FarSpeaking) or stimulus.duration_ms < waiting.do.after_ms:
            return []
        self._interruption = None
        said = doing.say(waiting.do.text, self.captures, interrupts=True)
        self._remember_said(said)
        return said + self._do(waiting.step, waiting.rest, stimulus)

    def _go_to(self, target: str, stimulus: Stimulus) -> list[Action]:
        """The named step, or the first after it that may happen, as though its condition had come true."""
        self._hops += 1
        later = self.script.steps[self.script.index(target) :]
        step = next(
            (step for n, step in enumerate(later) if self._may_happen(step) and (n == 0 or not step.anytime)), None
        )
        if step is None or self._hops > len(self.script.steps):
            return [Note("script_loop" if step else "script_ended", {"goto": target})]
        return self._happen(step, stimulus)

    def _remember_said(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Say):
                self._remember(True, action.text)
                self.captures["said"] = action.text

    def _remember(self, mine: bool, text: str) -> None:
        self.history = [*self.history, Line(mine, text)][-MAX_HISTORY:]
