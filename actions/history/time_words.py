"""The wording of times, in English and Hinglish: patterns over lower-case text with digits for number words."""

from __future__ import annotations

import re

UNIT = (
    r"(?P<unit>years?|yea?rs?|yrs?|yesrs?|yeras?|yaers?|yars?|saalo?n?|sal|varsh|months?|mon?ths?|monts?|"
    r"mnths?|motnhs?|mths?|mos?|mahin[aeo]+n?|"
    r"maheen[aeo]+|weeks?|wee?ks?|wks?|haft[aeo]+n?|days?|din)\b"
)
NUMBER = r"(?P<number>\d+(?:\.\d+)?)"
RANGE = r"(?:\s*(?:-|–|to|or|ya|se)\s*\d+(?:\.\d+)?)?"
ROUGH = re.compile(
    r"\b(about|around|approx\w*|roughly|some|maybe|perhaps|i think|probably|or so|ish|lagbhag|kareeb|karib|"
    r"shayad|nearly|almost|over|more than)\b|~"
)
AGO = r"(?:ago|back|bk|before|earlier|pehle|pahle|phle|agoo?|prior|ho gaye|ho gye|hogaye|now|old)"

AGO_AFTER = re.compile(rf"\b{NUMBER}{RANGE}\s*\+?\s*{UNIT}(?:\s+(?:and a half|or so|or more))?\s*{AGO}\b")
SINCE_BEFORE = re.compile(
    rf"(?P<cue>\b(?:since|for|from|past|last|over|it'?s been|its been|been|going on|pichle)\s+"
    rf"(?:(?:the|about|around|almost|nearly|past|last|like|maybe|at least|over|more than|some|roughly|approx\w*|"
    rf"~)\s+)*)"
    rf"~?{NUMBER}{RANGE}\s*\+?\s*{UNIT}"
)
SE_AFTER = re.compile(rf"\b{NUMBER}{RANGE}\s*{UNIT}\s+(?:se|sai|hue|hua|ho)\b")
BARE = re.compile(rf"\b{NUMBER}{RANGE}\s*\+?\s*{UNIT}")
WELL_FOR = re.compile(
    r"\b(fine|ok(ay)?|normal|good|great|well|painless|pain ?free|comfortable|no (pain|problem)s?|married|"
    r"together|dating|relationship)\s+(for|since)\b"
)

ISO = re.compile(r"\b(?P<year>(?:19|20)\d\d)[-/.](?P<month>0?[1-9]|1[0-2])[-/.](?P<day>0?[1-9]|[12]\d|3[01])\b")
DMY = re.compile(
    r"\b(?P<day>0?[1-9]|[12]\d|3[01])[-/. ](?P<month>0?[1-9]|1[0-2])[-/. ](?P<year>(?:19|20)\d\d|\d\d)\b(?![-/]\d)"
)
MY = re.compile(r"\b(?P<month>0?[1-9]|1[0-2])[-/.](?P<year>(?:19|20)\d\d)\b")
YM = re.compile(r"\b(?P<year>(?:19|20)\d\d)[-/](?P<month>0[1-9]|1[0-2])\b")
YEAR = re.compile(r"\b(?P<year>19[5-9]\d|20[0-4]\d)(?:ish)?\b(?!\s*(?:rs|rupees?|inr|per|bucks|/-))(?<!rs )(?<!rs\. )")
SHORT_YEAR = re.compile(r"(?:\b2k|['’`])(?P<year>\d\d)\b(?!\s*%)")
DAY_OF_MONTH = r"(?P<day>0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"

AGE = re.compile(
    r"\b(?:when i (?:was|turned)|i was|i (?:must|may|might) have been|when she was|she was|wh?en i ws|(?:at|"
    r"from|since) (?:the )?age(?: of)?|aged|at|"
    r"turned|since i was|age|umar|umr)\s+(?:only |just |about |around |maybe |like |almost |barely )*"
    r"(?P<age>1\d|[2-9]\d|[4-9])(?:\s*(?:-|or|to)\s*(?P<to>1\d|[2-9]\d))?\b"
    r"(?!\s*(?:%|st|nd|rd|th|am|pm|weeks?|wks?|months?|mnths?|days?|kg|cm|km|o'?clock|:|/|-\d\d))"
)
AGE_HINDI = re.compile(
    r"\b(?P<age>1\d|[2-9]\d)(?:\s*(?:-|ya|or|to)\s*(?P<to>1\d|[2-9]\d))?\s*(?:saal|sal|years?|yrs?)?\s*"
    r"(?:ki|ka|ke)\s+(?:thi|tha|hui|hua|umar|umr|age)\b"
)
BETWEEN_AGES = re.compile(
    r"\b(?:i|she) was (?:about |around )?(?:between |maybe )?(?P<age>1\d|[2-9]\d) (?:and|or|to) (?P<to>1\d|[2-9]\d)\b"
)
AGE_ASKED = re.compile(r"^\W*(?:i think |maybe |about |around )*(?P<age>1\d|[2-9]\d)\s*(?:years?|yrs?)\s*old\W*$")
AGE_WORDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(teen ?ager?s?|teens|teenage|as a teen)\b"), "13-19"),
    *(
        (re.compile(rf"\b(?:{word}|{decade}['’]?s)\b"), f"{decade}-{decade + 9}")
        for word, decade in (("twenties", 20), ("thirties", 30), ("forties", 40), ("fifties", 50), ("sixties", 60))
    ),
)

ALWAYS = re.compile(
    r"\b(always|al+w[ay]+s|forever|for ?ever|my (whole|entire) life|all my life|as long as i (can )?(remember|know)|"
    r"from (the )?(very )?(start|beginning|first)|since (the )?(very )?(start|beginning|first|birth\b(?! of))|"
    r"since day (1|one)|day 1|never (ever )?(was|been) (ok|fine|possible)|born (with|this way|like)|"
    r"hamesha|hamesa|humesha|shuru se|suru se|shuruat se|bachpan|childhood|since i was (a )?(kid|child|little|"
    r"small|young))\b"
)
EVENT = re.compile(
    r"\b(?:since|after|when|from|with|until|till|before|during|around|following|once|right after|ever since|"
    r"the day|on|at|post)\s+"
    r"(?P<event>(?:(?:my|our|the|her|his|a|an|we|i|that|this|first|second|third|last|she|baby|mom|dad)\s+)*"
    r"[a-z0-9'-]+(?:\s+[a-z0-9'-]+){0,4})"
)
EVENT_WORDS = re.compile(
    r"\b(honeymoon|wedding|marriage|married|engage\w*|shaadi|shadi|suhagraat|nikah|first (time|night|try|"
    r"attempt|sex|tampon|exam|period\w*|boyfriend|"
    r"relationship)|birth|born|deliver\w*|baby|child\w*|kid|kids|daughter|son|twins?|c ?-?section|caesarean|"
    r"cesarean|csec\w*|pregnan\w*|"
    r"miscarriage|abortion|episiotomy|stitches|surgery|surgeries|operation|hysterectomy|radiation|"
    r"radio(therapy)?|chemo\w*|"
    r"cancer|treatment|menopause|periods?|puberty|infection|uti|thrush|yeast|accident|touched|groped|fall|"
    r"injury|divorce|break ?up|"
    r"lockdown|covid|pandemic|college|school|university|hostel|job|moved|move|death|died|passed|fight|affair|"
    r"assault\w*|rape|abuse\w*|incident|iud|coil|copper t|pill|breast ?feeding|weaning|smear|pap|exam|check ?up|"
    r"ivf|iui|ultrasound|scan|transition|testosterone|top surgery|bachch?[ae]|beti|beta|paida|delivery|"
    r"sex|intercourse|tried|trying|relationship|partner|boyfriend|girlfriend|husband|wife|dating)\b"
)
HINDI_EVENT = re.compile(
    r"\b(?P<event>(?:(?:pehli raat|meri|mere|hamari|pehli|pehle|dusre|doosre|us|bachche|bache|baby|operation|"
    r"delivery|shaadi|shadi|suhagraat|"
    r"nikah|honeymoon|miscarriage|menopause|beti|bete|infection|ke|ki|"
    r"ka)\s+)+(?:paida hone\s+)?)(?:ke\s+)?(?:baad|bad|wakt|samay|time|hone|se)\b"
)
UNKNOWN = re.compile(
    r"\b(no idea|no clue|not sure|unsure|don'?t (really |quite )?(know|remember|recall)|dont (really )?(know|"
    r"rem\w*|recall)|dunno|idk|"
    r"can'?t (really )?(remember|recall|say|tell)|cannot (remember|recall|say|tell)|cant (remember|recall|say|"
    r"tell)|hard to say|never (noticed|counted)|"
    r"pata nahi|pta nahi|pata nhi|pta nhi|yaad nahi|yaad nhi|maloom nahi|malum nahi|nahi pata|nhi pta|"
    r"no memory|who knows|forgot)\b"
)

NOT_A_TIME = re.compile(
    r"\b(i have|i'?ve got|with) \d+ (kids|children)|\b(every|each) (month|time|day|year|week)|\bi tried \d|"
    r"\bi'?m \d\d\b|\bi am \d\d\b|"
    r"\bfall apart|\balways (ask|say|tell|want|think)|\b(ask|say|tell)s? always"
)
"""What looks like a time or an event and is none."""
