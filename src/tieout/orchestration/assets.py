"""Airflow assets of the lake's tables, made from config/sources and from dbt's models."""

from __future__ import annotations

from collections.abc import Iterable

from airflow.sdk import Asset

from tieout.orchestration.manifest import Model
from tieout.sources import load_source


def bronze_assets(source: str) -> list[Asset]:
    return [table_asset(table.bronze) for table in load_source(source).tables]


def model_assets(models: Iterable[Model]) -> list[Asset]:
    return [table_asset(model.relation) for model in models]


def published_assets(models: Iterable[Model]) -> list[Asset]:
    """What readers see: the views of the Gold models, and of the tables that the forecast and the anomalies write."""
    names = [model.name for model in models if model.layer == "gold"] + ["fact_cashflow_forecast", "ml_anomaly_alerts"]
    return [table_asset(f"lake.gold.{name}") for name in names]


def table_asset(relation: str) -> Asset:
    """The asset of catalog.schema.table."""
    return Asset(name=relation, uri=f"tieout://{relation.replace('.', '/')}", group="tieout")
