"""Images, networks and events asked oddly: what Docker Engine 26.1 answered to the same."""

from __future__ import annotations

import io
import json
import re
import tarfile
import time
from typing import Any

import pytest

from agent.ports.images import Progress
from tests.fakes.images import add_image
from tests.fakes.rig import Rig
from wire.engine.containers import CreateRequest, EndpointSettings
from wire.engine.networks import NetworkCreateRequest
from wire.engine.shape import decode
from wire.errors import Forbidden, Internal, Invalid, MooringError, NotFound

DIGEST = "sha256:" + "a" * 64


async def _create(rig: Rig, name: str, **host: Any) -> str:
    body = {"Image": "busybox", "Cmd": ["sleep"], "HostConfig": host}
    return (await rig.engine.create(name, decode(json.dumps(body).encode(), CreateRequest)))[0]


async def _network(rig: Rig, name: str, **fields: Any) -> str:
    body = decode(json.dumps({"Name": name, **fields}).encode(), NetworkCreateRequest)
    made: str = (await rig.engine.network_create(body))["Id"]
    return made


# images
@pytest.mark.parametrize(
    ("repo", "tag", "given"),
    [("", "x", None), ("app", "", "app:latest"), ("app:a", "", "app:a"), ("app:a", "b", "app:b"),
     ("docker.io/library/app", "1", "app:1")],
)  # fmt: skip
async def test_tagging(rig: Rig, repo: str, tag: str, given: str | None) -> None:
    assert await rig.engine.image_tag("busybox", repo, tag) is (given is not None)
    names = (await rig.engine.image_inspect("busybox"))["RepoTags"]
    assert names == sorted(["busybox:latest", *([given] if given else [])])


@pytest.mark.parametrize(
    ("repo", "tag", "text"),
    [("App", "", "repository name (library/App) must be lowercase"), ("app", "B..@", "invalid tag format"),
     (f"app@{DIGEST}", "", "cannot import digest reference")],
)  # fmt: skip
async def test_names_that_cannot_be_given(rig: Rig, repo: str, tag: str, text: str) -> None:
    with pytest.raises(Invalid) as caught:
        await rig.engine.image_tag("busybox", repo, tag)
    assert text in caught.value.message


async def test_listing_by_pattern_and_without_parents(rig: Rig) -> None:
    await rig.engine.image_tag("busybox", "group/app", "1")

    async def tags(**asked: list[str]) -> list[str]:
        found = await rig.engine.image_list(all=True, filters=asked)
        return [tag for image in found for tag in image["RepoTags"]]

    assert await tags(reference=["*"]) == ["busybox:latest"]
    assert await tags(reference=["*/*:[0-9]"]) == ["group/app:1"]
    assert await tags(reference=["group/app"]) == ["group/app:1"]
    with pytest.raises(Internal, match="syntax error in pattern"):
        await tags(reference=["app:["])
    with pytest.raises(Invalid, match="invalid filter 'label!'"):
        await tags(**{"label!": ["x"]})


async def _saved(rig: Rig, *refs: str) -> dict[str, bytes]:
    data = b"".join([piece async for piece in await rig.engine.image_save(refs)])
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        files = [(member.name, archive.extractfile(member)) for member in archive if member.isfile()]
        return {name: file.read() for name, file in files if file is not None}


async def test_what_save_takes_for_a_name(rig: Rig) -> None:
    """A repository means all its tags, also when none of them is latest; the files are Docker's, byte for byte."""
    await rig.engine.image_tag("busybox", "app", "2")
    await rig.engine.image_tag("busybox", "app", "1")
    files = await _saved(rig, "app")
    [manifest] = json.loads(files["manifest.json"])
    assert manifest["RepoTags"] == ["app:1", "app:2"]
    [layer] = manifest["Layers"]
    top = layer.removeprefix("blobs/sha256/")
    assert files["repositories"] == f'{{"app":{{"1":"{top}","2":"{top}"}}}}\n'.encode()
    assert files["oci-layout"] == b'{"imageLayoutVersion": "1.0.0"}'
    assert list(manifest["LayerSources"][f"sha256:{top}"]) == ["mediaType", "size", "digest"]
    for ref, text in (
        ("nope", "No such image: nope"), ("app:3", "reference does not exist"),
        (f"app@{DIGEST}", "reference does not exist"),
    ):  # fmt: skip
        with pytest.raises(NotFound) as caught:
            await _saved(rig, ref)
        assert caught.value.message == text
    with pytest.raises(Internal, match="invalid reference format"):
        await _saved(rig, "")


def _archive(files: dict[str, str]) -> io.BytesIO:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    target.seek(0)
    return target


async def _load(rig: Rig, archive: io.BytesIO) -> list[Progress]:
    return [line async for line in await rig.engine.image_load(archive)]


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ({}, "open */tmp/docker-import-*/repositories: no such file or directory"),
        ({"d/a": "x"}, "open */tmp/docker-import-*/d/json: no such file or directory"),
        ({"d/json": "{}"}, "open */tmp/docker-import-*/d/layer.tar: no such file or directory"),
        ({"manifest.json": "["}, "unexpected EOF"),
        ({"manifest.json": "x"}, "invalid character 'x' looking for beginning of value"),
        ({"manifest.json": "{}"}, "json: cannot unmarshal object into Go value of type *tarexport.manifestItem"),
        ({"manifest.json": '[{"Config":"no.json"}]'}, "open */tmp/docker-import-*/no.json: no such file or directory"),
    ],
)
async def test_archives_that_hold_no_image(rig: Rig, files: dict[str, str], text: str) -> None:
    with pytest.raises(Invalid) as caught:
        await _load(rig, _archive(files))
    assert re.fullmatch(".*".join(map(re.escape, text.split("*"))), caught.value.message)


async def test_an_archive_of_no_images_is_loaded(rig: Rig) -> None:
    assert await _load(rig, _archive({"manifest.json": "[]"})) == [{}]


async def test_rubbish_is_no_tar(rig: Rig) -> None:
    with pytest.raises(Invalid) as caught:
        await _load(rig, io.BytesIO(b"x" * 2048))
    assert caught.value.message == "archive/tar: invalid tar header"


async def test_pruning_by_labels(rig: Rig) -> None:
    """Several `label!` keep only what has all of them; a value that means yes is enough for `dangling`."""
    for number in "12":
        labels = {"Labels": {"a": number}}
        await add_image(rig.images, "docker.io/library/gone", number, changes=labels)
    report = await rig.engine.image_prune({"dangling": ["false"], "label!": ["a=2", "b"]})
    assert {"Untagged": "gone:2"} in report["ImagesDeleted"]
    await rig.engine.image_prune({"dangling": ["foo", "true"]})
    with pytest.raises(Invalid, match=r"invalid filter 'dangling=\[foo\]'"):
        await rig.engine.image_prune({"dangling": ["foo"]})


async def test_a_prune_leaves_what_gets_a_name_meanwhile(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    dangling = {await add_image(rig.images, changes={"Cmd": [name]}) for name in ("one", "other")}
    delete = rig.images.delete

    async def name_the_other(image_id: str, *, prune_parents: bool = True) -> Any:
        (other,) = dangling - {image_id}
        await rig.engine.image_tag(other, "saved", "1")
        return await delete(image_id, prune_parents=prune_parents)

    monkeypatch.setattr(rig.images, "delete", name_the_other)
    assert len((await rig.engine.image_prune({}))["ImagesDeleted"]) == 1
    assert (await rig.engine.image_inspect("saved:1"))["Id"] in dangling


async def test_a_prune_leaves_what_a_build_stands_on(rig: Rig) -> None:
    """Neither the image itself nor, when a child of it goes, the parent of a child."""
    base = await rig.engine.image_inspect("busybox")
    config = {"config": {"Labels": {"step": "1"}}}
    step = await rig.images.create_image(parent=base["Id"], config=config, layers_from=base["Id"], history=[])
    child = await rig.images.create_image(parent=step, config={"config": {}}, layers_from=step, history=[])
    hold, other = rig.engine.hold_images(), rig.engine.hold_images()
    for owner in (hold, other):
        owner.add(step)
        owner.add(step)
    assert (await rig.engine.image_prune({}))["ImagesDeleted"] == [{"Deleted": child}]
    hold.close()
    hold.close()
    assert (await rig.engine.image_prune({}))["ImagesDeleted"] is None
    other.close()
    assert (await rig.engine.image_prune({}))["ImagesDeleted"] == [{"Deleted": step}]


# networks
async def test_joining_is_checked_in_dockers_order(rig: Rig) -> None:
    await _network(rig, "n1")
    await _create(rig, "web")
    with pytest.raises(NotFound, match="No such container: nope"):
        await rig.engine.network_disconnect("none-such", "nope")
    with pytest.raises(Internal, match=r"container [0-9a-f]{64} is not connected to the network n1"):
        await rig.engine.network_disconnect("n1", "web")
    await rig.engine.start("web")
    with pytest.raises(Internal, match=r"container [0-9a-f]{64} is not connected to network n1"):
        await rig.engine.network_disconnect("n1", "web")
    with pytest.raises(Invalid, match="container cannot be disconnected from host network or connected to host"):
        await rig.engine.network_connect("host", "web")
    await _create(rig, "onhost", NetworkMode="host")
    with pytest.raises(Invalid, match="container sharing network namespace with another container or host"):
        await rig.engine.network_connect("n1", "onhost")
    await _create(rig, "alone", NetworkMode="none")
    with pytest.raises(Invalid, match=r"networks in private \(none\) mode"):
        await rig.engine.network_connect("n1", "alone", EndpointSettings())


async def test_networks_in_use_include_the_predefined(rig: Rig) -> None:
    await _network(rig, "free")

    async def names(value: str) -> set[str]:
        return {network["Name"] for network in await rig.engine.network_list({"dangling": [value]})}

    assert (await names("true"), await names("false")) == ({"free"}, {"bridge", "host", "none"})


async def test_disk_usage_counts_no_images_that_are_only_parents(rig: Rig) -> None:
    child = rig.images.resolve("busybox").id
    parent = await add_image(rig.images)
    await rig.images._content.catalog.set_parent(child, parent)
    assert [image["Id"] for image in (await rig.engine.df(["image"]))["Images"]] == [child]


# events
async def test_event_filters(rig: Rig) -> None:
    """The beginning of a name or id is enough, of any kind of event; an unknown filter is none."""
    await rig.engine.image_tag("busybox", "evx", "1")
    container_id = await _create(rig, "evx-c")
    await rig.engine.remove("evx-c")

    async def told(**asked: list[str]) -> list[str]:
        stream = rig.engine.events(since="1", until=f"{time.time():.6f}", filters=asked)
        return [f"{event['Type']} {event['Action']}" async for event in stream]

    everything = ["image tag", "container create", "container destroy"]
    assert await told(container=["evx"]) == everything
    assert set(everything) < set(await told(foo=["evx"]))
    assert await told(volume=[container_id[:9]]) == everything[1:]
    assert await told(image=["evx"]) == ["image tag"]
    assert await told(image=["busybox"], type=["container"]) == everything[1:]
    assert await told(event=["create"], label=["name=evx-c"]) == ["container create"]
    assert await told(event=["creat"]) == []


async def test_refused_kinds_of_network(rig: Rig) -> None:
    for fields, kind, text in (
        ({"Scope": "swarm"}, Forbidden, "cannot create a swarm scoped network when swarm is not active"),
        ({"IPAM": {"Driver": "null"}}, Invalid, "ipv4 pool is empty"),
        ({"Options": {"com.docker.network.driver.mtu": "999999"}}, Internal, "invalid argument"),
        ({"Options": {"com.docker.network.bridge.name": "b" * 16}}, Internal, "numerical result out of range"),
        ({"Driver": "macvlan", "Options": {"parent": "lo"}}, Internal,
         "loopback interface is not a valid macvlan parent link"),
    ):  # fmt: skip
        with pytest.raises(MooringError) as caught:
            await _network(rig, "odd", **fields)
        assert (type(caught.value), caught.value.message) == (kind, text)


async def test_a_link_on_a_users_network_names_whom_it_likes(rig: Rig) -> None:
    await _network(rig, "mine")
    await _create(rig, "web", NetworkMode="mine", Links=["nobody:db"])
    assert (await rig.engine.inspect("web"))["HostConfig"]["Links"] is None
    with pytest.raises(Invalid, match="could not get container for nobody: No such container: nobody"):
        await _create(rig, "old", Links=["nobody:db"])


async def test_a_link_leads_only_to_who_is_on_the_default_bridge(rig: Rig) -> None:
    await _network(rig, "mine")
    await _create(rig, "db", NetworkMode="mine")
    await _create(rig, "web", Links=["db"])
    await rig.engine.start("db")
    with pytest.raises(Internal) as caught:
        await rig.engine.start("web")
    assert caught.value.message == "Cannot link to /db, as it does not belong to the default network"


async def test_a_network_of_the_same_name_is_not_the_one_that_was_joined(rig: Rig) -> None:
    first = await _network(rig, "mine")
    await _create(rig, "web", NetworkMode="mine")
    await _create(rig, "new", NetworkMode="mine")
    await rig.engine.start("web")
    await rig.engine.stop("web")
    await rig.engine.network_remove("mine")
    await _network(rig, "mine")
    with pytest.raises(NotFound) as caught:
        await rig.engine.start("web")
    assert caught.value.message == f"network {first} not found"
    await rig.engine.start("new")


async def test_a_container_that_is_gone_has_no_endpoint_to_force_out(rig: Rig) -> None:
    await _network(rig, "mine")
    with pytest.raises(NotFound) as caught:
        await rig.engine.network_disconnect("mine", "gone", force=True)
    assert caught.value.message == "endpoint gone not found"


async def test_the_names_of_an_endpoint(rig: Rig) -> None:
    """Those of a container at rest are settled by the connect alone; those of a live one follow its own name."""
    for name in ("one", "two"):
        await _network(rig, name)
    container_id = await _create(rig, "web", NetworkMode="one")

    async def shown() -> dict[str, Any]:
        networks = (await rig.engine.inspect(container_id))["NetworkSettings"]["Networks"]
        return {name: endpoint.dns_names for name, endpoint in networks.items()}

    await rig.engine.network_connect("two", "web", EndpointSettings(aliases=["alias"]))
    short = container_id[:12]
    assert await shown() == {"one": None, "two": ["web", "alias", short]}
    await rig.engine.rename("web", "new")
    assert await shown() == {"one": None, "two": ["web", "alias", short]}
    await rig.engine.start("new")
    await rig.engine.rename("new", "newer")
    await rig.engine.stop("newer")
    assert await shown() == {"one": ["newer", short], "two": ["newer", "alias", short]}


async def test_who_shares_a_namespace_joins_only_at_rest_and_to_no_effect(rig: Rig) -> None:
    await _network(rig, "aaa")
    await rig.engine.start(await _create(rig, "peer"))
    container_id = await _create(rig, "web", NetworkMode="container:peer")
    await rig.engine.network_connect("aaa", "web")
    await rig.engine.start("web")
    assert list((await rig.engine.inspect("web"))["NetworkSettings"]["Networks"]) == ["aaa"]
    assert rig.networking.sandbox_endpoints(container_id) == []
    with pytest.raises(Invalid, match="sharing network namespace with another container"):
        await rig.engine.network_connect("aaa", "web")


async def test_the_default_bridge_is_joined_first(rig: Rig) -> None:
    await _network(rig, "aaa")
    await _create(rig, "web", NetworkMode="aaa")
    await rig.engine.network_connect("bridge", "web")
    await rig.engine.start("web")
    ids = {
        item.network_name: item.interface
        for item in rig.networking.sandbox_endpoints((await rig.engine.inspect("web"))["Id"])
    }
    assert ids == {"bridge": "eth0", "aaa": "eth1"}


async def test_a_start_without_the_network_it_was_created_for(rig: Rig) -> None:
    for name in ("one", "two"):
        await _network(rig, name)
    await _create(rig, "web", NetworkMode="one")
    await rig.engine.network_disconnect("one", "web")
    await rig.engine.network_connect("two", "web")
    await rig.engine.network_remove("one")
    with pytest.raises(NotFound, match="could not find a network matching network mode one: network one not found"):
        await rig.engine.start("web")
