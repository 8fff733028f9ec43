"""The HTML page of a session: what tests tell for it, and how it is drawn and written."""
