"""Notifications: what people are told of what others, agents and programs have done, made of the feed alone."""
