"""Letters that look like ASCII letters and are not: a small table of those met in disguised words.

Compatibility forms (full width, mathematical, circled) are not here, because Unicode normalisation undoes them.
"""

_LOOK_ALIKES = (
    # Cyrillic
    ("аАВЕеЁёКкМНнОоРрСсТтуУХхІіЇїЈјЅѕԁԛԜԝһҺӏӀьбгпгв", "aABEeEeKkMHhOoPpCcTtyYXxIiIiJjSsdqWwhHlIbbrnrb"),
    # Greek
    ("αΑβΒεΕηΗιΙκΚΜνΝοΟρΡτΤυΥχΧΖζγωσς", "aAbBeEnHiIkKMvNoOpPtTuYxXZzywos"),
    # small capitals, strokes, hooks, Armenian
    (
        "ıɩȷɑɡɪʟɴʀʏʙɢʜᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢꜱꜰøØłŁđĐħŧƅɓɗƒɠƙɲƥʂƭʋƴօսցհոզ",
        "iijagilnrybghacdejkmoptuvwzsfoOlLdDhtbbdfgknpstvyoughnq",
    ),
)
_DASHES = dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2043", "-")
_QUOTES = dict.fromkeys("\u2018\u2019\u201a\u201b\u2032", "'")
# Regional indicators (flags) and negative circled or squared capitals have no decomposition.
_BLOCKS = {chr(start + i): chr(ord("A") + i) for start in (0x1F1E6, 0x1F150, 0x1F170) for i in range(26)}

CONFUSABLES = {
    **{odd: plain for odds, plains in _LOOK_ALIKES for odd, plain in zip(odds, plains, strict=True)},
    **_DASHES,
    **_QUOTES,
    **_BLOCKS,
}
"""Look-alike to what it looks like."""
