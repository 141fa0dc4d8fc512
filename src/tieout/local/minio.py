"""MinIO, the stack's S3 store: its process, its readiness, its buckets and the lake's own key."""

from __future__ import annotations

import json
from pathlib import Path

from tieout.connections import LAKE_BUCKET, LANDING_BUCKET, s3_client
from tieout.local import downloads, layout
from tieout.local.supervise import Program
from tieout.settings import get_settings

NAME = "minio"
POLICY = "lake"


def environment() -> dict[str, str]:
    settings = get_settings()
    return {
        "MINIO_ROOT_USER": settings.reveal("minio_root_user"),
        "MINIO_ROOT_PASSWORD": settings.reveal("minio_root_password"),
        "MINIO_REGION": settings.s3_region,
        "MINIO_UPDATE": "off",
    }


def program() -> Program:
    settings = get_settings()
    command = [
        str(downloads.minio_binary()),
        "server",
        str(layout.home("minio")),
        *("--address", f"{settings.minio_host}:{settings.minio_port}"),
        *("--console-address", f"{settings.minio_host}:{settings.minio_console_port}"),
        # Its default is a folder of the user's home.
        *("--certs-dir", str(layout.home("minio-certs"))),
        "--quiet",
    ]
    return Program(NAME, command, layout.home(), priority=20)


def probe() -> str:
    """The release that runs. Raises while it is not ready."""
    import httpx

    response = httpx.get(f"{get_settings().s3_endpoint}/minio/health/ready", timeout=3, trust_env=False)
    response.raise_for_status()
    return downloads.MINIO_RELEASE[:10]


def ensure_buckets() -> None:
    """The buckets, and a key that may use them and nothing else. Safe to repeat, and quick when it is done."""
    policy = policy_file().read_text()
    applied = layout.home("minio", ".lake-policy.json")  # beside the data, so that both go together
    if applied.exists() and applied.read_text() == policy:
        return
    from minio import Minio, MinioAdmin
    from minio.credentials import StaticProvider

    settings = get_settings()
    address = f"{settings.minio_host}:{settings.minio_port}"
    root = StaticProvider(settings.reveal("minio_root_user"), settings.reveal("minio_root_password"))
    store = Minio(endpoint=address, credentials=root, secure=False, region=settings.s3_region)
    for bucket in (LAKE_BUCKET, LANDING_BUCKET):
        if not store.bucket_exists(bucket_name=bucket):
            store.make_bucket(bucket_name=bucket)
    admin = MinioAdmin(endpoint=address, credentials=root, secure=False, region=settings.s3_region)
    access_key = settings.reveal("lake_access_key")
    admin.policy_add(POLICY, policy_file=str(policy_file()))
    admin.user_add(access_key, settings.reveal("lake_secret_key"))
    if POLICY not in json.loads(admin.user_info(access_key)).get("policyName", "").split(","):
        admin.policy_set(POLICY, user=access_key)
    s3_client().head_bucket(Bucket=LAKE_BUCKET)
    applied.write_text(policy)


def policy_file() -> Path:
    return layout.project("minio", "policies", f"{POLICY}.json")
