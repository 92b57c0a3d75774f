"""Sends a line with the libraries that shippers are made of, and fails where one of them is not content.

    shippers.py elasticsearch|splunk|otlp-http|otlp-grpc PORT TOKEN LINE
"""

import logging
import sys


def elasticsearch(port: str, token: str, line: str) -> None:
    from elasticsearch import Elasticsearch, helpers

    client = Elasticsearch(f"http://127.0.0.1:{port}", basic_auth=("any", token), http_compress=True)
    assert client.info()["tagline"] and client.cluster.health()["status"] == "green"
    assert client.license.get()["license"]["status"] == "active"
    assert client.indices.exists_index_template(name="logs")
    actions = [{"_index": "logs", "_op_type": "create", "message": line} for _ in range(2000)]
    done, errors = helpers.bulk(client, actions, chunk_size=500)
    assert (done, errors) == (2000, []), (done, errors)
    done, errors = helpers.bulk(client, [{"_index": "logs", "_op_type": "delete", "_id": "1"}], raise_on_error=False)
    assert done == 0 and errors[0]["delete"]["status"] == 400, errors
    assert client.index(index="logs", document={"message": line})["result"] == "created"
    try:
        client.options(basic_auth=("any", "wrong")).info()
    except Exception as error:
        assert error.meta.status == 401, error
    else:
        raise AssertionError("a wrong token was let in")


def splunk(port: str, token: str, line: str) -> None:
    from splunk_handler import SplunkHandler

    handler = SplunkHandler("127.0.0.1", port, token, "main", protocol="http", verify=False, flush_interval=1.0)
    logger = logging.getLogger("splunk")
    logger.addHandler(handler)
    for _ in range(100):
        logger.warning(line)
    handler.shutdown()


def otlp(exporter, line: str) -> None:
    from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.resources import Resource

    provider = LoggerProvider(Resource.create({"service.name": "portal", "host.name": "web01"}))
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    logger = logging.getLogger("portal")
    logger.addHandler(LoggingHandler(logger_provider=provider))
    for _ in range(100):
        logger.warning(line)
    assert provider.force_flush(20_000)
    provider.shutdown()


def main() -> None:
    kind, port, token, line = sys.argv[1:]
    headers = {"authorization": f"Bearer {token}"}
    if kind == "elasticsearch":
        elasticsearch(port, token, line)
    elif kind == "splunk":
        splunk(port, token, line)
    elif kind == "otlp-http":
        from opentelemetry.exporter.otlp.proto.http import Compression
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter

        url = f"http://127.0.0.1:{port}/v1/logs"
        otlp(OTLPLogExporter(endpoint=url, headers=headers, compression=Compression.Gzip), line)
    elif kind == "otlp-grpc":
        from grpc import Compression
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter

        exporter = OTLPLogExporter(
            endpoint=f"127.0.0.1:{port}", insecure=True, headers=headers, compression=Compression.Gzip
        )
        otlp(exporter, line)
    else:
        raise SystemExit(__doc__)


main()
