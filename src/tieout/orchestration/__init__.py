"""How Airflow runs Tieout: operators and triggers for the DAGs, and the client that starts and follows a run."""
