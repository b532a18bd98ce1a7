"""The chat page: Gradio in front of the HTTP API."""
