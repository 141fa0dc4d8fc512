"""What Tieout adds to Airflow: its timetable, and what its processes do when they start."""

from airflow.plugins_manager import AirflowPlugin

from tieout.orchestration import warm
from tieout.orchestration.timetable import SinceFirstStart


class TieoutPlugin(AirflowPlugin):
    name = "tieout"
    timetables = [SinceFirstStart]  # noqa: RUF012
    listeners = [warm]  # noqa: RUF012
