"""Semantic versions of contracts: what a change asks for, and what was done."""

from __future__ import annotations

import re

from tasks.diff.model import Advice, Level

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
Version = tuple[int, int, int]


def advice(old: str, new: str, level: Level) -> Advice:
    """Breaking asks for the next major version, additive for a minor one; other changes for none."""
    before, after = _parsed(old), _parsed(new)
    if before is None or after is None:
        return Advice(old, new, None, f"{new if after is None else old} is no version like 1.2.0")
    wanted = _wanted(before, level)
    if after < before:
        return Advice(old, new, _text(max(before, wanted)), f"the version went back from {old} to {new}")
    if after < wanted:
        article = "an" if level is Level.ADDITIVE else "a"
        return Advice(
            old, new, _text(wanted), f"{article} {level} change asks for {_text(wanted)}, the contract says {new}"
        )
    return Advice(old, new, _text(wanted) if wanted > before else None)


def farewell(old: str, status: str) -> Advice:
    """A contract that goes has no version left to raise: it must have said before that it would, or never have held."""
    if status != "active":
        return Advice(old, "gone", None)
    told = "was active when it went; first give it status deprecated, in a version that readers see, then remove it"
    return Advice(old, "gone", None, f"the contract {told}")


def _wanted(version: Version, level: Level) -> Version:
    major, minor, _ = version
    if level is Level.BREAKING:
        return major + 1, 0, 0
    return (major, minor + 1, 0) if level is Level.ADDITIVE else version


def _parsed(text: str) -> Version | None:
    match = _VERSION.fullmatch(text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def _text(version: Version) -> str:
    return ".".join(map(str, version))
