"""SQL, YAML and Python in colour, done when the site is built: a page needs no script for it."""

from __future__ import annotations

from functools import cache
from typing import Literal

from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers.data import YamlLexer
from pygments.lexers.python import PythonLexer
from pygments.lexers.sql import SqlLexer

_FORMATTER = HtmlFormatter(nowrap=True)


@cache
def highlighted(text: str, language: Literal["sql", "yaml", "python"]) -> Markup:
    """The text as spans whose classes the site's style colours."""
    lexer = {"sql": SqlLexer, "yaml": YamlLexer, "python": PythonLexer}[language]
    return Markup(highlight(str(text), lexer(stripnl=False), _FORMATTER)) if text else escape("")
