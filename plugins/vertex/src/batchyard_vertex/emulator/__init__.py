"""Vertex AI's batch jobs, Cloud Storage and Google's token endpoint, on a loopback port."""

from __future__ import annotations

from batchyard_vertex.emulator._emulator import VertexEmulator

__all__ = ["VertexEmulator"]
