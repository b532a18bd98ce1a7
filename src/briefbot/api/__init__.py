"""The answer API: FastAPI app, routes, schemas and error responses."""
