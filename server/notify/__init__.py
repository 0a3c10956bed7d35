"""The ways to reach people outside of the service: mail now, push to come."""
