"""The clients of AWS: found by the standard chain, patient where AWS is busy."""

from __future__ import annotations

from tasks import aws


def test_a_client_reaches_the_local_server(bucket: str, local_aws: str) -> None:
    s3 = aws.client("s3")
    assert s3.meta.endpoint_url == local_aws
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"


def test_a_client_tries_again_with_a_jittered_pause(bucket: str) -> None:
    retries = aws.client("s3").meta.config.retries
    assert retries["mode"] == "standard"
    assert retries["total_max_attempts"] == 8
