"""The OpAMP modules of this project: they match the specification, and work with other OpAMP modules in one process."""

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2
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
    package = f".{file.package}."

    def fields(message: descriptor_pb2.DescriptorProto) -> dict[str, object]:
        own = {
            field.name: (field.number, field.type, field.label, field.type_name.replace(package, ""))
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
    for name, members in shape(their_opamp_pb2.DESCRIPTOR).items():
        assert {member: ours[name][member] for member in members} == members


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


def test_package_and_file_names_are_unique() -> None:
    assert opamp_pb2.DESCRIPTOR.package == "opamp_conformance.v0_18"
    assert Default().FindFileByName("opamp_proto/opamp.proto") is opamp_pb2.DESCRIPTOR


def test_the_modules_match_the_proto_files(tmp_path: Path) -> None:
    protoc = pytest.importorskip("grpc_tools.protoc", reason="grpcio-tools is not installed")
    proto = ROOT / "proto"
    names = ["opamp_proto/anyvalue.proto", "opamp_proto/opamp.proto"]
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
