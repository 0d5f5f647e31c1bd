"""Judges by name: a module in this folder registers a factory with a decorator and is found by `pkgutil`.

    @register_judge("openai", label="OpenAI-compatible Chat Completions")
    def openai_judge(setup: JudgeSetup) -> Judge: ...

`configured_judge` reads the settings: KLIX_JUDGE_MODEL is "provider:model", or a bare model name of the first provider.
"""

from evaluations.judges.registry import JudgeSetup, configured_judge, register_judge

__all__ = ["JudgeSetup", "configured_judge", "register_judge"]
