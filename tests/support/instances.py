"""Two instances of the mock server with one Elasticsearch."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from opamp_mock_server import ElasticsearchSettings
from support.fault_injection import Instance


@contextmanager
def two_instances(store: ElasticsearchSettings, *arguments: str) -> Iterator[list[Instance]]:
    options = ["--store", "elasticsearch", "--elasticsearch-url", store.url, "--index", store.index, *arguments]
    with ExitStack() as stack:
        instances = [Instance(options), Instance(options)]
        for instance in instances:
            instance.start()
            stack.callback(instance.stop)
        yield instances
