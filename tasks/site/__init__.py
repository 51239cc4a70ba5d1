"""The static site: what a warehouse holds, where it comes from and how good it is, as pages that open from a file."""

from tasks.site.page import File, Page

__all__ = ["File", "Page"]
