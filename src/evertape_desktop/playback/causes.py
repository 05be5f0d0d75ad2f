"""The recorder's sentences about gaps, for the dictionary, and their titles; a test holds them to the recorder's."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

TITLES: dict[str, object] = {
    "starting": QT_TRANSLATE_NOOP("evertape", "Starting"),
    "camera_unreachable": QT_TRANSLATE_NOOP("evertape", "Camera unreachable"),
    "stream_stalled": QT_TRANSLATE_NOOP("evertape", "Stream stalled"),
    "stream_damaged": QT_TRANSLATE_NOOP("evertape", "Stream damaged"),
    "auth_failed": QT_TRANSLATE_NOOP("evertape", "Login refused"),
    "stream_not_found": QT_TRANSLATE_NOOP("evertape", "Stream not found"),
    "codec_unsupported": QT_TRANSLATE_NOOP("evertape", "Codec not supported"),
    "camera_error": QT_TRANSLATE_NOOP("evertape", "Camera error"),
    "stream_in_use": QT_TRANSLATE_NOOP("evertape", "Same stream twice"),
    "storage_missing": QT_TRANSLATE_NOOP("evertape", "Storage missing"),
    "storage_wrong_volume": QT_TRANSLATE_NOOP("evertape", "Wrong disk"),
    "storage_full": QT_TRANSLATE_NOOP("evertape", "Storage full"),
    "storage_denied": QT_TRANSLATE_NOOP("evertape", "Storage forbidden"),
    "storage_read_only": QT_TRANSLATE_NOOP("evertape", "Storage read-only"),
    "storage_io_error": QT_TRANSLATE_NOOP("evertape", "Disk errors"),
    "storage_hung": QT_TRANSLATE_NOOP("evertape", "Storage hung"),
    "storage_slow": QT_TRANSLATE_NOOP("evertape", "Storage slow"),
    "process_crash": QT_TRANSLATE_NOOP("evertape", "Process crashed"),
    "out_of_memory": QT_TRANSLATE_NOOP("evertape", "Out of memory"),
    "recorder_hung": QT_TRANSLATE_NOOP("evertape", "Recorder hung"),
    "host_down": QT_TRANSLATE_NOOP("evertape", "Machine down"),
    "service_stopped": QT_TRANSLATE_NOOP("evertape", "Service stopped"),
    "internal_error": QT_TRANSLATE_NOOP("evertape", "Error of Evertape"),
    "clock_jump": QT_TRANSLATE_NOOP("evertape", "Clock jump"),
    "settings_changed": QT_TRANSLATE_NOOP("evertape", "Settings changed"),
    "stopped_by_person": QT_TRANSLATE_NOOP("evertape", "Stopped by person"),
    "not_asked_for": QT_TRANSLATE_NOOP("evertape", "Not asked for yet"),
    "outside_schedule": QT_TRANSLATE_NOOP("evertape", "Outside schedule"),
    "evicted_by_retention": QT_TRANSLATE_NOOP("evertape", "Deleted by the rules"),
    "removed_by_person": QT_TRANSLATE_NOOP("evertape", "Removed by person"),
    "footage_missing": QT_TRANSLATE_NOOP("evertape", "Footage missing"),
    "footage_damaged": QT_TRANSLATE_NOOP("evertape", "Footage damaged"),
    "unknown": QT_TRANSLATE_NOOP("evertape", "Unknown cause"),
}
"""What each cause is called."""

SENTENCES = (
    QT_TRANSLATE_NOOP(
        "evertape", "Evertape had not been asked to record this camera yet; what there is came from another recorder."
    ),
    QT_TRANSLATE_NOOP("evertape", "Waits until somebody asks for it."),
    QT_TRANSLATE_NOOP("evertape", "Recorded from when somebody asked for it."),
    QT_TRANSLATE_NOOP("evertape", "Recording had been asked for and the first picture had not come yet."),
    QT_TRANSLATE_NOOP("evertape", "Nothing, unless it lasts."),
    QT_TRANSLATE_NOOP("evertape", "Waits for the first keyframe."),
    QT_TRANSLATE_NOOP("evertape", "Recorded from the first keyframe on."),
    QT_TRANSLATE_NOOP("evertape", "The camera did not answer, or broke the connection."),
    QT_TRANSLATE_NOOP("evertape", "Check the camera's power, its network cable and its address."),
    QT_TRANSLATE_NOOP("evertape", "Asks the camera twice a second, and connects as soon as it answers."),
    QT_TRANSLATE_NOOP("evertape", "Connected again, and recorded on."),
    QT_TRANSLATE_NOOP("evertape", "The connection stood, but no picture came."),
    QT_TRANSLATE_NOOP(
        "evertape", "Check the network between here and the camera, and restart the camera if it happens again."
    ),
    QT_TRANSLATE_NOOP(
        "evertape", "Parts of the stream never arrived, and the pictures that needed them were left out."
    ),
    QT_TRANSLATE_NOOP("evertape", "Look for a weak or overloaded network, or lower the camera's bit rate."),
    QT_TRANSLATE_NOOP("evertape", "Leaves out what cannot be decoded, until the next keyframe."),
    QT_TRANSLATE_NOOP("evertape", "Went on with the next keyframe."),
    QT_TRANSLATE_NOOP("evertape", "The camera refused the user name or the password."),
    QT_TRANSLATE_NOOP(
        "evertape",
        "Correct them in the camera's entry of the configuration; until then it is asked once a minute at most.",
    ),
    QT_TRANSLATE_NOOP(
        "evertape",
        "Tries once a minute, so that the camera does not lock the account, and at once when its entry is changed.",
    ),
    QT_TRANSLATE_NOOP("evertape", "Connected with the right password, and recorded on."),
    QT_TRANSLATE_NOOP("evertape", "The camera answers, but has no stream at this path."),
    QT_TRANSLATE_NOOP("evertape", "Correct the path in the camera's URL."),
    QT_TRANSLATE_NOOP("evertape", "Tries again, waiting longer each time."),
    QT_TRANSLATE_NOOP("evertape", "Tried until it worked, and recorded on."),
    QT_TRANSLATE_NOOP("evertape", "The camera offers no video that Evertape stores."),
    QT_TRANSLATE_NOOP("evertape", "Set the camera to H.264 or H.265."),
    QT_TRANSLATE_NOOP("evertape", "The camera answers, but cannot deliver the stream now."),
    QT_TRANSLATE_NOOP(
        "evertape", "See whether too many clients are connected to it, and restart it if it happens again."
    ),
    QT_TRANSLATE_NOOP(
        "evertape", "Another camera of this installation is the same stream, under another name of its host."
    ),
    QT_TRANSLATE_NOOP("evertape", "Take one of the two out of the configuration; their footage would be the same."),
    QT_TRANSLATE_NOOP("evertape", "No volume to record to was there for longer than memory could bridge."),
    QT_TRANSLATE_NOOP("evertape", "Connect the disk again, or add a spill volume."),
    QT_TRANSLATE_NOOP(
        "evertape", "Keeps what memory can hold, drops the oldest of it, and records as soon as a volume takes footage."
    ),
    QT_TRANSLATE_NOOP(
        "evertape",
        "Kept what memory could hold, dropped the oldest of it, and recorded on when a volume took footage again.",
    ),
    QT_TRANSLATE_NOOP("evertape", "Another disk is mounted where the volume should be; nothing was written to it."),
    QT_TRANSLATE_NOOP("evertape", "Mount the right disk, or declare this one as a new volume."),
    QT_TRANSLATE_NOOP("evertape", "The volume was full and nothing on it might be deleted."),
    QT_TRANSLATE_NOOP("evertape", "Free some space, add a volume, or keep footage for a shorter time."),
    QT_TRANSLATE_NOOP("evertape", "The volume may not be written to by the user Evertape runs as."),
    QT_TRANSLATE_NOOP("evertape", "Give that user the right to write to the volume's folder."),
    QT_TRANSLATE_NOOP(
        "evertape", "The volume is mounted read-only; often the kernel does that when it finds a disk damaged."
    ),
    QT_TRANSLATE_NOOP("evertape", "Look at the kernel's log, check the file system, and mount it writable again."),
    QT_TRANSLATE_NOOP("evertape", "The disk reported errors."),
    QT_TRANSLATE_NOOP("evertape", "Look at the kernel's log and at the disk's health; it may be failing."),
    QT_TRANSLATE_NOOP("evertape", "The disk did not answer."),
    QT_TRANSLATE_NOOP("evertape", "Check its cable, its power and, on a network share, its server."),
    QT_TRANSLATE_NOOP("evertape", "The disk was slower than the cameras for longer than memory could bridge."),
    QT_TRANSLATE_NOOP("evertape", "Use a faster disk, fewer cameras on it, or lower bit rates."),
    QT_TRANSLATE_NOOP("evertape", "A process of Evertape ended unexpectedly and was replaced."),
    QT_TRANSLATE_NOOP("evertape", "Please report it, with the log of that minute."),
    QT_TRANSLATE_NOOP("evertape", "Replaces the process."),
    QT_TRANSLATE_NOOP("evertape", "Replaced the process, and finished its files."),
    QT_TRANSLATE_NOOP("evertape", "A process of Evertape ran out of memory and was replaced."),
    QT_TRANSLATE_NOOP("evertape", "Lower the ring's budget or the number of cameras, or give the machine more memory."),
    QT_TRANSLATE_NOOP("evertape", "A process of Evertape stopped answering and was replaced."),
    QT_TRANSLATE_NOOP("evertape", "The machine was off or restarted without warning."),
    QT_TRANSLATE_NOOP("evertape", "Look at its power supply and its system log."),
    QT_TRANSLATE_NOOP("evertape", "Nothing, until the machine is back."),
    QT_TRANSLATE_NOOP("evertape", "Started with the machine, and finished its files."),
    QT_TRANSLATE_NOOP("evertape", "Evertape was not running."),
    QT_TRANSLATE_NOOP("evertape", "Start it, or have the system start it at boot."),
    QT_TRANSLATE_NOOP("evertape", "Nothing, until it is started."),
    QT_TRANSLATE_NOOP("evertape", "Finished every file before, and recorded on after."),
    QT_TRANSLATE_NOOP(
        "evertape", "Evertape failed at something it should be able to do, or a part of it is not installed."
    ),
    QT_TRANSLATE_NOOP("evertape", "Run evertape doctor, and report what it does not explain."),
    QT_TRANSLATE_NOOP("evertape", "Leaves out what it cannot write."),
    QT_TRANSLATE_NOOP("evertape", "Left out what it could not write, and went on."),
    QT_TRANSLATE_NOOP(
        "evertape", "The wall clock was set; no footage is lost, but these times never passed, or passed twice."
    ),
    QT_TRANSLATE_NOOP("evertape", "Have the machine's clock kept right over the network."),
    QT_TRANSLATE_NOOP("evertape", "Goes on by its own clock."),
    QT_TRANSLATE_NOOP("evertape", "Went on by its own clock; no footage is lost."),
    QT_TRANSLATE_NOOP(
        "evertape", "The camera was connected anew, because its settings changed or somebody asked for it."
    ),
    QT_TRANSLATE_NOOP("evertape", "Nothing needs to be done."),
    QT_TRANSLATE_NOOP("evertape", "Connects anew."),
    QT_TRANSLATE_NOOP("evertape", "Connected anew."),
    QT_TRANSLATE_NOOP("evertape", "Somebody had stopped the recording."),
    QT_TRANSLATE_NOOP("evertape", "Start it when it is wanted again."),
    QT_TRANSLATE_NOOP("evertape", "Waits until somebody starts it."),
    QT_TRANSLATE_NOOP("evertape", "Recorded on when somebody started it."),
    QT_TRANSLATE_NOOP("evertape", "The schedule did not ask for recording."),
    QT_TRANSLATE_NOOP("evertape", "Waits for the schedule."),
    QT_TRANSLATE_NOOP("evertape", "Recorded on when the schedule said so."),
    QT_TRANSLATE_NOOP(
        "evertape", "The footage had reached its age or its space was needed, and it was deleted as the rules say."
    ),
    QT_TRANSLATE_NOOP("evertape", "Keep footage longer, add space, or protect what must stay."),
    QT_TRANSLATE_NOOP("evertape", "Deleted the footage."),
    QT_TRANSLATE_NOOP("evertape", "Somebody had deleted the footage, or removed the camera."),
    QT_TRANSLATE_NOOP("evertape", "Nothing."),
    QT_TRANSLATE_NOOP("evertape", "Footage had been recorded, and its file is gone."),
    QT_TRANSLATE_NOOP("evertape", "Find out who or what else changes files on the volume, and check the disk."),
    QT_TRANSLATE_NOOP("evertape", "Looks again whenever its volume returns."),
    QT_TRANSLATE_NOOP("evertape", "Found the footage again."),
    QT_TRANSLATE_NOOP(
        "evertape", "Footage had been recorded, and its bytes on the disk are not those that were written."
    ),
    QT_TRANSLATE_NOOP(
        "evertape",
        "Check the disk's health, and whether anything else changes its files; a copy of the file brings it back.",
    ),
    QT_TRANSLATE_NOOP("evertape", "Leaves out what cannot be read; the rest plays."),
    QT_TRANSLATE_NOOP("evertape", "There is no footage, and no record says why."),
    QT_TRANSLATE_NOOP("evertape", "Run evertape audit, and report what it finds."),
)
"""What happened, what was done, and what a person can do."""


def title(cause: str) -> str:
    """What a cause is called, in the window's language."""
    return QCoreApplication.translate("evertape", str(TITLES.get(cause, cause.replace("_", " ").capitalize())))


def sentence(text: str) -> str:
    """One of the recorder's sentences, in the window's language; one that is not known stays as it is."""
    return QCoreApplication.translate("evertape", text)
