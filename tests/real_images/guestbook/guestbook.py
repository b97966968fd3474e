"""A guestbook: entries in PostgreSQL, a count of its visitors in Redis."""

import os

import psycopg2
import redis
from flask import Flask, jsonify, request

app = Flask(__name__)
visitors = redis.Redis(os.environ["REDIS_HOST"])


def entries(*new: str) -> list[str]:
    """All entries, after these have been added."""
    with psycopg2.connect(os.environ["DATABASE"]) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS entries (id serial PRIMARY KEY, text text)")
        for text in new:
            cursor.execute("INSERT INTO entries (text) VALUES (%s)", [text])
        cursor.execute("SELECT text FROM entries ORDER BY id")
        return [row[0] for row in cursor.fetchall()]


@app.get("/")
def read():
    return jsonify(version=os.environ["VERSION"], visitors=visitors.incr("visitors"), entries=entries())


@app.post("/")
def write():
    return jsonify(entries=entries(request.get_data(as_text=True)))


@app.get("/health")
def health():
    visitors.ping()
    return "well\n"
