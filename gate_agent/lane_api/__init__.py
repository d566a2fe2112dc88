"""How other processes speak with the agent: messages, server, client, views, actions."""
