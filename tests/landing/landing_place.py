"""Where files land in the tests, and where what becomes of them can be seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lambda_runtime import detail

from tasks import aws


@dataclass(frozen=True)
class Landing:
    """A raw bucket that keeps versions, a quarantine, and a topic with a queue that hears it."""

    raw: str
    quarantine: str
    topic: str
    heard: str

    def deliver(self, key: str, body: bytes, **more: Any) -> dict[str, Any]:
        """Put an object; the `detail` of its event."""
        answer = aws.client("s3").put_object(Bucket=self.raw, Key=key, Body=body, **more)
        return detail(self.raw, key, answer["VersionId"], len(body))

    def kept(self) -> dict[str, bytes]:
        """What lies in the quarantine, by key."""
        s3 = aws.client("s3")
        found = s3.list_objects_v2(Bucket=self.quarantine).get("Contents", ())
        return {o["Key"]: s3.get_object(Bucket=self.quarantine, Key=o["Key"])["Body"].read() for o in found}

    def told(self) -> list[str]:
        """The messages that the topic got since it was last asked, as SNS hands them on."""
        sqs, found = aws.client("sqs"), []
        while messages := sqs.receive_message(QueueUrl=self.heard, MaxNumberOfMessages=10).get("Messages"):
            found += [m["Body"] for m in messages]
            for m in messages:
                sqs.delete_message(QueueUrl=self.heard, ReceiptHandle=m["ReceiptHandle"])
        return found
