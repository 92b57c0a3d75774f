#!/usr/bin/env python3
"""An S3 server (moto) on 127.0.0.1 with bucket `sekisho`, which one user may use; the rest is refused.

    bucket.py PORT DIR

Writes the user's keys into DIR/access and DIR/secret, prints a line when all is there, and runs until standard input ends.
"""

import os
import sys

# After these calls each request is checked: create_bucket, create_user, put_user_policy, create_access_key.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "4"

import boto3  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'


def main():
    port, folder = int(sys.argv[1]), sys.argv[2]
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    reach = {
        "endpoint_url": f"http://127.0.0.1:{port}",
        "region_name": "us-east-1",
        "aws_access_key_id": "first",
        "aws_secret_access_key": "first",
    }
    boto3.client("s3", **reach).create_bucket(Bucket="sekisho")
    iam = boto3.client("iam", **reach)
    iam.create_user(UserName="archive")
    iam.put_user_policy(UserName="archive", PolicyName="archive", PolicyDocument=POLICY)
    key = iam.create_access_key(UserName="archive")["AccessKey"]
    for name, value in (("access", key["AccessKeyId"]), ("secret", key["SecretAccessKey"])):
        with open(os.path.join(folder, name), "w", encoding="ascii") as file:
            file.write(value + "\n")
    print("ready", flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
