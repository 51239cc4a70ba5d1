"""The site in aws mode: what is sent, in which order, what is kept from an earlier build, and what is removed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from small_shop import read_repository

from tasks import aws
from tasks.s3 import StorageError, Store
from tasks.settings import Settings
from tasks.site import build as building
from tasks.site.build import Site, build
from tasks.site.facts import SiteFacts
from tasks.site.page import Page
from tasks.site.publish import publish

INDEX, PAGE, SCRIPT = "index.html", "tables/core.things.html", "assets/site.js"


@pytest.fixture
def store(bucket: str) -> Store:
    return Store(f"s3://{bucket}/pages")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys that are sent, in their order."""
    keys: list[str] = []
    send = Store.send

    def told(self: Store, key: str, body: bytes, **conditions: str) -> Any:
        keys.append(key)
        return send(self, key, body, **conditions)

    monkeypatch.setattr(Store, "send", told)
    return keys


def site(folder: Path, monkeypatch: pytest.MonkeyPatch, **texts: str) -> Site:
    """A site of an index and the pages that are named, as `build` makes it."""
    made = [Page(INDEX, "Catalog", "plain.html", {"body": "index"})]
    made += [Page(f"tables/{name}.html", name, "plain.html", {"body": text}) for name, text in texts.items()]
    monkeypatch.setattr(building, "FAMILIES", (lambda facts: iter(made),))
    registry, graph = read_repository()
    return build(SiteFacts(Settings(), registry, graph, datetime(2026, 1, 5)), folder)


def keys(store: Store) -> set[str]:
    return {key for key, _ in store.listed()}


def head(store: Store, key: str) -> Any:
    return aws.client("s3").head_object(Bucket=store.bucket_of(), Key=f"pages/{key}")


def test_everything_is_sent_with_its_type_the_index_last(
    store: Store, sent: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = site(tmp_path, monkeypatch, things="a thing")
    assert publish(made, store) == store.uri(INDEX)
    assert keys(store) == {*made.files, "site.json"}
    order = [key for key in sent if key != "site.json"]
    assert order[-1] == INDEX
    assert max(order.index(key) for key in order if key.startswith("assets/")) < order.index("tables/things.html")
    page, script = head(store, "tables/things.html"), head(store, SCRIPT)
    assert (page["ContentType"], page["CacheControl"]) == ("text/html; charset=utf-8", "no-cache")
    assert script["ContentType"] == "text/javascript; charset=utf-8"
    assert "immutable" in script["CacheControl"]
    assert head(store, "search-data.js")["CacheControl"] == "no-cache"


def test_only_what_changed_is_sent_and_what_is_gone_is_removed(
    store: Store, sent: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(site(tmp_path, monkeypatch, things="a thing", others="another", old="old"), store)
    foreign = {"data_docs/index.html", "data_docs/results/raw/orders.json", "of_somebody_else.txt"}
    for key in foreign:
        store.send(key, b"x")
    store.delete(["tables/others.html"])
    sent.clear()
    made = site(tmp_path, monkeypatch, things="another thing", others="another")
    publish(made, store)
    assert set(sent) == {"site.json", "tables/things.html", "tables/others.html"}
    assert keys(store) == {*made.files, "site.json", *foreign}
    assert b"another thing" in store.get("tables/things.html")[0]


def test_a_publish_that_was_cut_off_is_ended_by_the_next(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(site(tmp_path, monkeypatch, things="first"), store)
    made = site(tmp_path, monkeypatch, things="second", short_lived="x")
    with monkeypatch.context() as cut:

        def fail(self: Store, key: str, body: bytes, **conditions: str) -> Any:
            if key == "tables/things.html":
                raise StorageError("cut off")
            return send(self, key, body, **conditions)

        send = Store.send
        cut.setattr(Store, "send", fail)
        with pytest.raises(StorageError, match="cut off"):
            publish(made, store)
    assert b"first" in store.get("tables/things.html")[0]
    last = site(tmp_path, monkeypatch, things="second")
    publish(last, store)
    assert b"second" in store.get("tables/things.html")[0]
    assert keys(store) == {*last.files, "site.json"}
