//! Scenes of two people with one text.

/// What there was, what Ada and Ben have made of it, and what comes of both.
type Scene = (&'static str, &'static str, &'static str, &'static str);

/// Ben is first.
pub(super) const REWRITTEN: &[Scene] = &[
    (
        "# Plan\n- buy milk today\n",
        "# Plan\n- pay rent now\n",
        "# Plan\n- call Anna first\n",
        "# Plan\n- call Anna first\n- pay rent now\n",
    ),
    (
        "- [ ] buy milk today\n",
        "- [ ] pay rent now\n",
        "- [ ] call Anna first\n",
        "- [ ] call Anna first\n- [ ] pay rent now\n",
    ),
    ("1. buy milk\n", "1. pay rent\n", "1. call Anna\n", "1. call Anna\n1. pay rent\n"),
    ("> buy milk\n", "> pay rent\n", "> call Anna\n", "> call Anna\n> pay rent\n"),
    ("# buy milk\n", "# pay rent\n", "# call Anna\n", "# call Anna\n# pay rent\n"),
    ("a\n  buy milk\n", "a\n  pay rent\n", "a\n  call Anna\n", "a\n  call Anna\n  pay rent\n"),
    (
        "  kaa kab\n\nkaf kag\n",
        "* qal qam\nkaf kag\n",
        "* zai zaj\nkaf kag\n",
        "* zai zaj\n* qal qam\nkaf kag\n",
    ),
    (
        "* kaa kab\n\n  kad kae kaf\n",
        "* kaa kab\n\n  qak qal\n",
        "* kaa kab\n\nzag zah zai zaj\n",
        "* kaa kab\n\nzag zah zai zaj\nqak qal\n",
    ),
    (
        "- [ ] kaa kab\nkac kad\n\n",
        "qaa qab\nqac qad\n\n",
        "zaa zab\n- [ ] kac kad\n\n",
        "zaa zab\nqaa qab\n- [ ] qac qad\n\n",
    ),
    (
        "kaa kab\n* kac kad kae kaf\n",
        "kaa kab\n* qak qal qam\n",
        "kaa kab\n* zag zah zai zaj\n",
        "kaa kab\n* zag zah zai zaj\n* qak qal qam\n",
    ),
];

/// The same comes of both, whoever is first.
pub(super) const EITHER_WAY: &[Scene] = &[
    (
        "one\ntwo\n    - three four\n",
        "one\n    - three four\n",
        "one\n  1. three four\n",
        "one\n  1. three four\n",
    ),
    (
        "# List\nold line\n  - buy milk\n",
        "# List\n  - buy milk\n",
        "# List\n 1. get milk\n",
        "# List\n 1. get milk\n",
    ),
    (
        "if x:\n    old()\n    call y\n",
        "if x:\n    call y\n",
        "if x:\n  new y\n",
        "if x:\n  new y\n",
    ),
    (
        "if x:\n    old()\n    call(y)\n",
        "if x:\n    call(y)\n",
        "if x:\n  new(y)\n",
        "if x:\n  new(y)\n",
    ),
    (
        "Dear all\nold line\n\tbuy milk\n",
        "Dear all\n\tbuy milk\n",
        "Dear all\n  get milk\n",
        "Dear all\n  get milk\n",
    ),
    ("one\n\n  two\n", "one\n  two\n", "one\n new two\n", "one\n new two\n"),
    ("one\ntwo\nthree\n", "three\n", "one\n\ntwo\nthree\n", "\nthree\n"),
    ("a\nb\n\nc\nd\n", "a\nb\n---\nc\nd\n", "a\nd\n", "a\n---\nd\n"),
    (
        "- [ ] buy milk\n\nbye\n",
        "- [ ] call Anna\n- pay rent\nbye\n",
        "- [ ] buy milk\n- bread\n\nbye\n",
        "- [ ] call Anna\n- pay rent\n- bread\nbye\n",
    ),
    (
        "Title\n\nAgenda first\n\nEnd\n",
        "Title\n\nMinutes\n- rent\nEnd\n",
        "Title\n\nAgenda first\n- cake\n\nEnd\n",
        "Title\n\nMinutes\n- rent\n- cake\nEnd\n",
    ),
    (
        "- [ ] eggs\n\n",
        "- [ ] call Anna\n1. at four\n",
        "- all\n- [ ] eggs\n\n# Next\n\n",
        "- all\n- [ ] call Anna\n1. at four\n\n# Next\n",
    ),
    ("- a\n- b\n1. c", "  1. c?", "1. c\nnew", "  1. c?\nnew"),
    // Empty lines go, and others come in place of what is behind them.
    (
        "Title\n\nold text here\n",
        "Title\nfirst point\nsecond point\n",
        "Title\nold text here\n",
        "Title\nfirst point\nsecond point\n",
    ),
    (
        "- call Anna\n\n* buy bread\n",
        "- call Anna\n- pay rent\n- get milk\n",
        "- call Anna\n* buy bread\n",
        "- call Anna\n- pay rent\n- get milk\n",
    ),
    (
        "Title\n\n\nfirst thing\nsecond thing\nlast one\n",
        "Title\n\n  new thing\nlast one\n",
        "Title\nfirst thing\nsecond thing\nlast one\n",
        "Title\n  new thing\nlast one\n",
    ),
    (
        "kaa kab kac\n\n\n  kaf kag\n",
        "kaa kab kac\nqah qai\n",
        "kaa kab kac\n\n  kaf kag\n",
        "kaa kab kac\nqah qai\n",
    ),
    (
        "- kaa kac kad\n\nkaf kag\n\n* kai\n",
        "- kaa kac kad\nkaf kag\n\n* kai\n",
        "- kaa kac kad\n* zal zan\nzao zap\n\n* kai\n",
        "- kaa kac kad\n* zal zan\nzao zap\n\n* kai\n",
    ),
    (
        "- kaa kab\n\n- kad kae\n",
        "  qaf qag qah\n  qaj qak qal\n",
        "- kaa kab\n- kad kae\n",
        "  qaf qag qah\n  qaj qak qal\n",
    ),
    // Two lines become one while the other changes one of them, or adds one between.
    (
        "one two\nthree four\nend\n",
        "other\nend\n",
        "one two\nthree four five\nend\n",
        "other\nthree four five\nend\n",
    ),
    ("one\ntwo\nend\n", "other\nend\n", "one\nnew\ntwo\nend\n", "other\nnew\nend\n"),
];

/// Ben was first.
pub(super) const SCENES: &[Scene] = &[
    ("We meet Mon", "So: We meet Mon", "We meet Monday\n", "So: We meet Monday\n"),
    ("Hello world", "Hi Hello world", "Hello world and more\n", "Hi Hello world and more\n"),
    ("a", "a\nb", "a\n", "a\nb"),
    (
        "milk today\nbread\n",
        "first\nmilk today\nbread\n",
        "eggs today\nbread\n",
        "first\neggs today\nbread\n",
    ),
    ("Intro\nWe go.", "Intro\n\n## Who\nWe go.", "Intro\nThey go.", "Intro\n\n## Who\nThey go."),
    ("We meet Monday at", "We meet on Monday at", "We meet Tuesday at", "We meet on Tuesday at"),
    (
        "Ann comes, Ben stays.",
        "Ann never comes, Ben stays.",
        "Ann sleeps, Ben stays.",
        "Ann never sleeps, Ben stays.",
    ),
    ("is $5.", "is about $5.", "is $6.", "is about $6."),
    ("a cafe", "a cafes", "a cafe\u{301}", "a cafe\u{301} cafes"),
    (
        "我们明天在湖边见面。",
        "我们星期一在湖边见面。",
        "我们后天在湖边见面。",
        "我们后天星期一在湖边见面。",
    ),
    ("of 🇩🇪", "of 🇫🇷", "of 🇩🇰", "of 🇩🇰🇫🇷"),
    ("by 👩", "by 👩\u{200d}🔬", "by 👩\u{200d}💻", "by 👩\u{200d}💻👩\u{200d}🔬"),
    ("at 10", "at 10:15", "at 10:30", "at 10:30 10:15"),
    ("- a\n- b\n- c", "- a\n- b", "- a\n- b\n- x\n- c", "- a\n- b\n- x"),
    ("- a\n- b\n- c\n", "- a\n- c\n", "- a\n- b\n- x\n- c\n", "- a\n- x\n- c\n"),
    ("one\ntwo\n", "one\n", "one\ntwo, with more\n", "one\ntwo, with more\n"),
    ("a\n\nb", "a\nb", "a\ntyped here\nb", "a\ntyped here\nb"),
    ("of bread.\n\n", "of bread.", "of bread.\n\nMilk\n", "of bread.\n\nMilk\n"),
    ("# Plan\n- a\n\n", "# Plan\n- a", "# Plan\n- a\n\n## Next", "# Plan\n- a\n## Next"),
    ("Title\nkc kd\n", "Title kc kd\n", "Title\n- new\nkc kd\n", "Title\n- new\nkc kd\n"),
    ("a\nb\n", "a b\n", "a c\nb\n", "a c b\n"),
    ("of bread\n", "of bread now", "of bread\nMilk\n", "of bread now\nMilk"),
    ("Plan\n\n", "Plan\n- some eggs", "Plan\n\n- milk", "Plan\n- some eggs\n- milk"),
    ("\nOne line\n", "One line\n\nMore\n", "\nOne long line\n", "One long line\n\nMore\n"),
    (
        "# Title\n\nOne line\n",
        "One line\n\nMore\n",
        "# Title\n\nOne long line\n",
        "One long line\n\nMore\n",
    ),
    (
        "Ann:\nCarl:\n",
        "Ann: maybe\nCarl:\n",
        "Ann: yes\nBen: no\nCarl:\n",
        "Ann: yes maybe\nBen: no\nCarl:\n",
    ),
    ("Buy milk\n\n", "Buy milk today\n\n", "Buy milk \n\n\n", "Buy milk today\n\n\n"),
    (
        "Old first\nKeep me\nOld last\n",
        "Keep me",
        "Old first!\nKeep me\nOld last\n",
        "Old first!\nKeep me",
    ),
    (
        "- a Ann\n- b bread\n",
        "- a Ann\n- c Carl\n- b bread and milk\n",
        "- a Ann\n- b some bread\n",
        "- a Ann\n- c Carl\n- b some bread and milk\n",
    ),
    (
        "# Old\n\nWe meet.\n",
        "# Old\n\nWe meet at six.\n",
        "We meet.\n\nBring bread.\n",
        "We meet at six.\n\nBring bread.\n",
    ),
    (
        "We meet\n\n- eggs\n",
        "We meet at six\n- eggs\n",
        "We meet\n- milk\n- eggs\n",
        "We meet at six\n- milk\n- eggs\n",
    ),
    ("a b c\n\n", "- a b c\n", "a b\nc\n- x\n\ny", "- a b\nc\n- x\n\ny"),
    (
        "is a\n- b c\n\nk l m\nn\n",
        "is a\n- b c\n\nn\n",
        "is a\nx k l y m\nn\n",
        "is a\nx k l y m\nn\n",
    ),
    ("a b c\n", "a b c\n- ", "a d\nb c", "a d\nb c\n- "),
    ("of bread\n", "of bread", "of bread\nmilk", "of bread\nmilk"),
    ("of bread ", "of bread", "of bread (and milk)", "of bread (and milk)"),
    ("", "- milk", "- bread", "- bread\n- milk"),
    ("Plan:\n\nEnd", "Plan:\nmilk.\nEnd", "Plan:\nbread.\nEnd", "Plan:\nbread.\nmilk.\nEnd"),
];
