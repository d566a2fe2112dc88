"""Faults of the face package.

A face that is not there, poor quality or a failed comparison is an outcome and never raised.
A fault means that something given to this package cannot be used at all; whatever runs
vision catches `BiometricFault` once and reports it as a failed device.

    BiometricFault                   code  meaning
    |-- WeightsMalformed       300   a dlib weights file does not parse
    |-- ModelRefused           301   a model's hash, contract or content is not the manifest's
    |-- ModelMissing           302   a tier was asked for that is not installed
    |-- Uncalibrated           303   no threshold is calibrated for the FMR asked for
    |-- ImageRefused           310   a picture does not decode, or is larger than allowed
    `-- PortraitMalformed      311   a DG2 is not a face record that we can read
"""

from __future__ import annotations

from typing import ClassVar


class BiometricFault(Exception):
    """Something given to the face package cannot be used.

    Attributes:
        code: stable number, for runbooks and alarms.
        diagnosis: one line for the console; no personal data.
    """

    code: ClassVar[int] = 399

    def __init__(self, diagnosis: str) -> None:
        super().__init__(diagnosis)
        self.diagnosis = diagnosis


class WeightsMalformed(BiometricFault):
    """A dlib weights file does not parse."""

    code = 300


class ModelRefused(BiometricFault):
    """A model's hash, contract or content is not what the manifest says."""

    code = 301


class ModelMissing(BiometricFault):
    """A tier was asked for that is not installed."""

    code = 302


class Uncalibrated(BiometricFault):
    """No threshold is calibrated for the false match rate asked for."""

    code = 303


class ImageRefused(BiometricFault):
    """A picture does not decode, or is larger than allowed."""

    code = 310


class PortraitMalformed(BiometricFault):
    """A DG2 is not a face record that we can read."""

    code = 311
