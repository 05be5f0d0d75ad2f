"""A volume in words, in the language of the window. GUI thread only.

In English the labels are to the letter those of ``domain.storage_label``, which service, page and library use.
"""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from evertape.domain.storage_label import StorageTrouble
from evertape_desktop.recording.storage_book import Volume


def trouble_words(trouble: StorageTrouble) -> str:
    """What is wrong, in two or three words."""
    match trouble:
        case StorageTrouble.USB_DISCONNECTED:
            return QCoreApplication.translate("evertape", "USB Disconnected")
        case StorageTrouble.NOT_MOUNTED:
            return QCoreApplication.translate("evertape", "Not Mounted")
        case StorageTrouble.PERMISSION_DENIED:
            return QCoreApplication.translate("evertape", "Permission Denied")
        case StorageTrouble.DIRECTORY_NOT_FOUND:
            return QCoreApplication.translate("evertape", "Directory Not Found")
        case StorageTrouble.NOT_AVAILABLE:
            return QCoreApplication.translate("evertape", "Not Available")
        case StorageTrouble.READ_ONLY:
            return QCoreApplication.translate("evertape", "Read-Only")
        case StorageTrouble.IO_ERROR:
            return QCoreApplication.translate("evertape", "I/O Error")
        case StorageTrouble.NOT_RESPONDING:
            return QCoreApplication.translate("evertape", "Not Responding")
        case StorageTrouble.WRONG_VOLUME:
            return QCoreApplication.translate("evertape", "Wrong Volume")
        case StorageTrouble.LOW_SPACE:
            return QCoreApplication.translate("evertape", "Low Space")
        case StorageTrouble.ERROR:
            return QCoreApplication.translate("evertape", "Error")


def label_text(volume: Volume) -> str:
    """``⚠ Storage: USB Disconnected``, or how much is used and free."""
    trouble, facts = volume.trouble, volume.facts
    if trouble is not None and trouble is not StorageTrouble.LOW_SPACE:
        return QCoreApplication.translate("evertape", "⚠ Storage: {0}").format(trouble_words(trouble))
    text = QCoreApplication.translate("evertape", "Free: {0}").format(_size(facts.free))
    if facts.used is not None:
        template = (
            QCoreApplication.translate("evertape", "Disk Usage: {0} (1 file) | {2}")
            if facts.files == 1
            else QCoreApplication.translate("evertape", "Disk Usage: {0} ({1} files) | {2}")
        )
        text = template.format(_size(facts.used), facts.files, text)
    if trouble is StorageTrouble.LOW_SPACE:
        low = QCoreApplication.translate("evertape", "⚠ Low Space: {0} GB").format(f"{facts.free / 1e9:.2f}")
        return f"{text} | {low}"
    return text


def headline(trouble: StorageTrouble) -> str:
    """What is wrong and what mends it, for the banner and the tray."""
    match trouble:
        case StorageTrouble.USB_DISCONNECTED:
            return QCoreApplication.translate(
                "evertape", "Recording device removed - insert device to resume recording"
            )
        case StorageTrouble.NOT_MOUNTED:
            return QCoreApplication.translate("evertape", "Recording device not there - insert or mount it to record")
        case StorageTrouble.PERMISSION_DENIED:
            return QCoreApplication.translate(
                "evertape", "Recording device may not be written - give permission to resume recording"
            )
        case StorageTrouble.DIRECTORY_NOT_FOUND:
            return QCoreApplication.translate(
                "evertape", "Recording folder not found - make it again to resume recording"
            )
        case StorageTrouble.NOT_AVAILABLE:
            return QCoreApplication.translate(
                "evertape", "Recording device not available - switch it on or connect it to resume recording"
            )
        case StorageTrouble.READ_ONLY:
            return QCoreApplication.translate(
                "evertape", "Recording device is read-only - check the disk to resume recording"
            )
        case StorageTrouble.IO_ERROR:
            return QCoreApplication.translate(
                "evertape", "Recording device reports errors - check its cable and health"
            )
        case StorageTrouble.NOT_RESPONDING:
            return QCoreApplication.translate(
                "evertape", "Recording device does not respond - check its cable and power"
            )
        case StorageTrouble.WRONG_VOLUME:
            return QCoreApplication.translate(
                "evertape", "Another disk is in place of the recording device - put the right one back"
            )
        case StorageTrouble.LOW_SPACE:
            return QCoreApplication.translate("evertape", "Recording device is full - free space to resume recording")
        case StorageTrouble.ERROR:
            return QCoreApplication.translate("evertape", "Recording device cannot be used")


def spare_headline(trouble: StorageTrouble) -> str:
    """The same of a spill volume while nothing needs it: recording goes on."""
    return QCoreApplication.translate("evertape", "The spare volume cannot be used: {0}").format(trouble_words(trouble))


def remedy(trouble: StorageTrouble) -> str:
    """What a person can do, one sentence."""
    match trouble:
        case StorageTrouble.USB_DISCONNECTED:
            return QCoreApplication.translate("evertape", "Plug the disk in again: recording returns to it by itself.")
        case StorageTrouble.NOT_MOUNTED:
            return QCoreApplication.translate("evertape", "Plug the disk in, or mount it.")
        case StorageTrouble.PERMISSION_DENIED:
            return QCoreApplication.translate(
                "evertape", "Let the user Evertape runs as write there; evertape doctor names the user."
            )
        case StorageTrouble.DIRECTORY_NOT_FOUND:
            return QCoreApplication.translate("evertape", "Make the folder again, or correct its path in the settings.")
        case StorageTrouble.NOT_AVAILABLE:
            return QCoreApplication.translate(
                "evertape", "See whether the device or the server behind it is on and connected."
            )
        case StorageTrouble.READ_ONLY:
            return QCoreApplication.translate(
                "evertape", "Check the disk (dmesg, fsck), then mount it so that it can be written."
            )
        case StorageTrouble.IO_ERROR:
            return QCoreApplication.translate(
                "evertape", "Look at its cable, power and health (dmesg, smartctl); replace it if it fails."
            )
        case StorageTrouble.NOT_RESPONDING:
            return QCoreApplication.translate("evertape", "Look at its cable and power, or at the network behind it.")
        case StorageTrouble.WRONG_VOLUME:
            return QCoreApplication.translate(
                "evertape", "Put the right disk there; to record to this one, add it as another volume."
            )
        case StorageTrouble.LOW_SPACE:
            return QCoreApplication.translate("evertape", "Free space there; the oldest footage goes by itself.")
        case StorageTrouble.ERROR:
            return QCoreApplication.translate("evertape", "evertape volume check says more.")


def attempt_text(attempt: int, most: int, in_s: float | None) -> str:
    """``attempt 3/20 in 4 s``; empty if there is none."""
    if not attempt and in_s is None:
        return ""
    # What is counted has been tried, and the next one is due; it goes on after the last that is counted.
    number = f"{attempt + 1}/{most}" if attempt < most else str(attempt + 1)
    if in_s is None or in_s < 0.5:
        return QCoreApplication.translate("evertape", "attempt {0} now").format(number)
    return QCoreApplication.translate("evertape", "attempt {0} in {1} s").format(number, round(in_s))


def _size(size: int) -> str:
    """As ``domain.storage_label`` writes sizes."""
    if size >= 999_950_000_000:
        return f"{size / 1e12:.1f} TB"
    return f"{size / 1e9:.1f} GB" if size >= 999_950_000 else f"{size / 1e6:.1f} MB"
