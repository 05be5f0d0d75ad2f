"""Tells people and programs what is wrong: mail and messengers by Apprise, MQTT, a dead man's heartbeat."""
