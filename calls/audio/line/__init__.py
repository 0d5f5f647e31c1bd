"""What a telephone line does to speech: seeded, repeatable, each condition in a file of its own. Pure.

`spec.parse_line` reads a scenario's `line`; `spec.LineSpec.direction` gives the conditions of what one party sends;
`chain.Chain` applies them, one 20 ms μ-law frame at a time. docs/line-conditions.md lists them all.
"""
