"""The files of the first format are Docker Engine 26.1's, byte for byte: these digests are of what it saved."""

from __future__ import annotations

import json

from agent.images.blobs import digest_of
from agent.images.first_format import first_format_files

DOCUMENT = (
    '{"architecture":"amd64","author":"a <b>","config":{"Hostname":"97cb42118e30","Domainname":"","User":"","Atta'
    'chStdin":false,"AttachStdout":true,"AttachStderr":true,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env"'
    ':["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["sh"],"Image":"busybox","Volum'
    'es":null,"WorkingDir":"","Entrypoint":null,"OnBuild":null,"Labels":{}},"container":"97cb42118e308b08cc491357'
    'dbcc386dc9ef4484fb56b3d9bc02fc3418b4a4d2","container_config":{"Hostname":"97cb42118e30","Domainname":"","Use'
    'r":"","AttachStdin":false,"AttachStdout":true,"AttachStderr":true,"Tty":false,"OpenStdin":false,"StdinOnce":'
    'false,"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["sh"],"Image":"busy'
    'box","Volumes":null,"WorkingDir":"","Entrypoint":null,"OnBuild":null,"Labels":{}},"created":"2026-11-30T17:5'
    '9:41.751731103Z","docker_version":"26.1.5+dfsg1","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:'
    'ba7bed9c500df36466b5a5780dad19c87c0e635eb9c1165b5062462dede32fee"]}}'
)
LAYERS = [
    "sha256:ba7bed9c500df36466b5a5780dad19c87c0e635eb9c1165b5062462dede32fee",
    "sha256:c3e74191fdb5ef933572307359c9a059b6b373d8b9f87be4b07385886c855512",
    "sha256:5e1712fae34101359964bb6bf6df4e7342816ce710eb0cf2bd4aced499c18611",
]


def test_the_file_of_an_image() -> None:
    (file,) = first_format_files(json.loads(DOCUMENT), LAYERS[:1])
    assert digest_of(file) == "sha256:b6fc036bf1b4b76a3608eb7fab639c7cc4d9a616a2d2fb229d0b4d3050680c4d"


def test_the_files_of_its_parents() -> None:
    files = first_format_files({}, LAYERS)
    assert [digest_of(file) for file in files[:2]] == [
        "sha256:11185871342ccefc02447cc1d04328e4da1c6fdf76e206185f70c0a2ab5421d6",
        "sha256:579a0f7cbc4076ce69f610484cef857983663af207a3f94ec5982b2616bf35c6",
    ]
    assert json.loads(files[2])["parent"] == json.loads(files[1])["id"]
