"""Faults of the face package.

A face that is not there, poor quality or a failed comparison is an outcome and never raised.
A fault means that something given to this package cannot be used at all; whatever runs
vision catches `BiometricFault` once and reports it as a failed device. `firmware_cfg.codes`
says what to do about each code.

    BiometricFault                   code  meaning
    |-- WeightsMalformed       210   a dlib weights file does not parse
    |-- ModelRefused           211   a model's hash, contract or content is not the manifest's
    |-- ModelMissing           212   a tier was asked for that is not installed
    |-- Uncalibrated           213   no threshold is calibrated for the FMR asked for
    |-- ImageRefused           220   a picture does not decode, or is larger than allowed
    `-- PortraitMalformed      221   a DG2 is not a face record that we can read
"""

from __future__ import annotations

from typing import ClassVar

from firmware_cfg.codes import Code


class BiometricFault(Exception):
    """Something given to the face package cannot be used.

    Attributes:
        code: stable number, for runbooks and alarms.
        diagnosis: one line for the console; no personal data.
    """

    code: ClassVar[Code] = Code.BIOMETRIC_FAULT

    def __init__(self, diagnosis: str) -> None:
        super().__init__(diagnosis)
        self.diagnosis = diagnosis


class WeightsMalformed(BiometricFault):
    """A dlib weights file does not parse."""

    code = Code.WEIGHTS_MALFORMED


class ModelRefused(BiometricFault):
    """A model's hash, contract or content is not what the manifest says."""

    code = Code.MODEL_REFUSED


class ModelMissing(BiometricFault):
    """A tier was asked for that is not installed."""

    code = Code.MODEL_MISSING


class Uncalibrated(BiometricFault):
    """No threshold is calibrated for the false match rate asked for."""

    code = Code.UNCALIBRATED


class ImageRefused(BiometricFault):
    """A picture does not decode, or is larger than allowed."""

    code = Code.IMAGE_REFUSED


class PortraitMalformed(BiometricFault):
    """A DG2 is not a face record that we can read."""

    code = Code.PORTRAIT_MALFORMED
