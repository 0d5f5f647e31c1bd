"""The script language of the script brain: `parse_script` reads a script, `ScriptMachine` plays it. Pure.

The language is described in docs/scripts.md.
"""

from agents.script.language import Problem, Script, ScriptError
from agents.script.machine import Line, ScriptMachine
from agents.script.parsing import parse_script

__all__ = ["Line", "Problem", "Script", "ScriptError", "ScriptMachine", "parse_script"]
