"""The officers' console and the travellers' display: a process of its own, over the lane API."""
