"""The OpAMP modules of this project: they match the specification, and work with other OpAMP modules in one process."""

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2, json_format
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pool import Default
from opentelemetry._opamp.proto import anyvalue_pb2 as their_anyvalue_pb2
from opentelemetry._opamp.proto import opamp_pb2 as their_opamp_pb2

from opamp_proto import anyvalue_pb2, opamp_pb2

ROOT = Path(__file__).parent.parent


def shape(file: FileDescriptor) -> dict[str, dict[str, object]]:
    """Return the messages and enums of a file, without package and file names."""
    proto = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(proto)
    return shape_of(proto)


def shape_of(proto: descriptor_pb2.FileDescriptorProto) -> dict[str, dict[str, object]]:
    packages = re.compile(r"^\.(opamp\.proto\.v1|opamp\.proto|opamp_conformance\.v0_20)\.")

    def fields(message: descriptor_pb2.DescriptorProto) -> dict[str, object]:
        own = {
            field.name: (field.number, field.type, field.label, packages.sub("", field.type_name))
            for field in message.field
        }
        return {**own, **{nested.name: fields(nested) for nested in message.nested_type}}

    return {
        **{message.name: fields(message) for message in proto.message_type},
        **{enum.name: {value.name: value.number for value in enum.value} for enum in proto.enum_type},
    }


def test_messages_contain_those_of_opentelemetry_opamp_client() -> None:
    """opentelemetry-opamp-client has an older copy, so its messages are a part of those here."""
    assert shape(anyvalue_pb2.DESCRIPTOR) == shape(their_anyvalue_pb2.DESCRIPTOR)
    ours = shape(opamp_pb2.DESCRIPTOR)
    theirs = shape(their_opamp_pb2.DESCRIPTOR)
    theirs["AgentConfigObject"] = theirs.pop("AgentConfigFile")  # v0.20.0 has renamed it.
    for name, members in theirs.items():
        own = {member: ours[name][member] for member in members}
        assert repr(own).replace("AgentConfigObject", "AgentConfigFile") == repr(members)


def test_messages_are_those_of_the_newest_version(tmp_path: Path) -> None:
    path = os.environ.get("OPAMP_PROTO_0_20", "")
    if not path:
        pytest.skip("needs opamp.proto of v0.20.0: set OPAMP_PROTO_0_20 to its path")
    protoc = pytest.importorskip("grpc_tools.protoc", reason="grpcio-tools is not installed")
    theirs = tmp_path / "opamp.proto"
    text = Path(path).read_text().replace("opamp/v1/anyvalue.proto", "opamp_proto/anyvalue.proto")
    theirs.write_text(text.replace("package opamp.proto.v1;", "package opamp_conformance.v0_20;"))
    includes = [f"-I{tmp_path}", f"-I{ROOT / 'proto'}"]
    assert protoc.main(["protoc", *includes, f"-o{tmp_path / 'theirs'}", "opamp.proto"]) == 0
    assert protoc.main(["protoc", *includes, f"-o{tmp_path / 'ours'}", "opamp_proto/opamp.proto"]) == 0
    shapes = []
    for name in ("ours", "theirs"):
        [file] = descriptor_pb2.FileDescriptorSet.FromString((tmp_path / name).read_bytes()).file
        shapes.append(shape_of(file))
    assert shapes[0] == shapes[1]


OURS = "from opamp_proto import opamp_pb2"
THEIRS = "from opentelemetry._opamp.proto import opamp_pb2 as theirs"
STAND_IN = """
from google.protobuf import descriptor_pb2, descriptor_pool
for name in ("opamp.proto", "opamp/v1/opamp.proto"):
    file = descriptor_pb2.FileDescriptorProto(name=name, package="opamp.proto" if "/" in name else "opamp.proto.v1")
    file.message_type.add(name="AgentToServer")
    descriptor_pool.Default().Add(file)
"""


@pytest.mark.parametrize(
    "imports",
    [[OURS, THEIRS], [THEIRS, OURS], [STAND_IN, OURS], [OURS, STAND_IN]],
    ids=["ours first", "theirs first", "stand-ins first", "ours before stand-ins"],
)
def test_the_modules_can_be_imported_with_other_opamp_modules(imports: list[str]) -> None:
    use = "assert opamp_pb2.AgentToServer.FromString(opamp_pb2.AgentToServer(flags=1).SerializeToString()).flags == 1"
    subprocess.run([sys.executable, "-c", "\n".join([*imports, use])], check=True, timeout=30)


RECORDED = bytes.fromhex("""
0a103031323334353637383961626364656610071a2b0a150a0c736572766963652e6e616d6512050a036f6c6412120a076f
732e7479706512070a056c696e757820ff7f2a2308011105000000000000001a016522017329060000000000000032070a01
6312020801321f0a1d0a1b0a06612e79616d6c12110a04783a20311209746578742f79616d6c3a080a016810011a016d4215
0a100a0170120b0a017012013122013230011201705001620c0a0a696f2e6578616d706c656a120a0a696f2e6578616d706c
651201741a0164
""")
"""A message with most fields, as opamp-go 0.17.0, 0.19.0, 0.22.0 and 0.23.0 encode it: all in the same bytes."""


def test_messages_of_older_versions_are_understood() -> None:
    message = opamp_pb2.AgentToServer.FromString(RECORDED)
    assert message.effective_config.config_map.config_map["a.yaml"].content_type == "text/yaml"
    assert message.health.component_health_map["c"].healthy
    assert message.SerializeToString(deterministic=True) == RECORDED
    message.DiscardUnknownFields()  # type: ignore[attr-defined]
    assert message.SerializeToString(deterministic=True) == RECORDED


def test_package_and_file_names_are_unique() -> None:
    assert opamp_pb2.DESCRIPTOR.package == "opamp_conformance.v0_20"
    assert Default().FindFileByName("opamp_proto/opamp.proto") is opamp_pb2.DESCRIPTOR


def test_the_modules_match_the_proto_files(tmp_path: Path) -> None:
    protoc = pytest.importorskip("grpc_tools.protoc", reason="grpcio-tools is not installed")
    proto = ROOT / "proto"
    names = [f"opamp_proto/{path.name}" for path in sorted((proto / "opamp_proto").glob("*.proto"))]
    assert protoc.main(["protoc", f"-I{proto}", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", *names]) == 0
    for path in (tmp_path / "opamp_proto").iterdir():
        assert path.read_text() == (proto / "opamp_proto" / path.name).read_text(), f"{path.name} is out of date"


def test_the_mock_server_does_not_import_the_suite() -> None:
    code = """
import sys, opamp_mock_server
for unwanted in ("opamp_conformance", "pytest", "aiohttp", "locust", "elasticsearch"):
    assert unwanted not in sys.modules, unwanted
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


@pytest.mark.parametrize("name", ["AgentToServer", "ServerToAgent"])
def test_messages_of_older_versions_are_read(name: str) -> None:
    """The file has a message with every field, encoded by the .proto files of v0.14.0, which are those up to v0.18.0."""
    old = json.loads((ROOT / "tests" / "data" / "messages_0.14.json").read_text())[name]
    message = getattr(opamp_pb2, name).FromString(base64.b64decode(old["bytes"]))
    assert json_format.MessageToDict(message, preserving_proto_field_name=True) == old["fields"]
    assert message.SerializeToString(deterministic=True) == base64.b64decode(old["bytes"])
