/** What can be done to the text, as buttons: one tab stop, arrow keys between them. */
import { ActionIcon, Tooltip } from "@mantine/core";
import {
  IconArrowBackUp,
  IconArrowForwardUp,
  IconBlockquote,
  IconBold,
  IconCode,
  IconH1,
  IconH2,
  IconItalic,
  IconList,
  IconListNumbers,
  IconStrikethrough,
} from "@tabler/icons-react";
import type { ChainedCommands, Editor } from "@tiptap/core";
import { useEditorState } from "@tiptap/react";
import { useRef, useState, type KeyboardEvent } from "react";

interface Tool {
  label: string;
  Icon: typeof IconBold;
  run: (chain: ChainedCommands) => ChainedCommands;
  /** What must be active for the button to look pressed. */
  active?: [string, Record<string, unknown>?];
}

const TOOLS: Tool[] = [
  { label: "Bold", Icon: IconBold, run: (chain) => chain.toggleBold(), active: ["bold"] },
  { label: "Italic", Icon: IconItalic, run: (chain) => chain.toggleItalic(), active: ["italic"] },
  { label: "Strike through", Icon: IconStrikethrough, run: (chain) => chain.toggleStrike(), active: ["strike"] },
  { label: "Heading", Icon: IconH1, run: (chain) => chain.toggleHeading({ level: 1 }), active: ["heading", { level: 1 }] },
  { label: "Subheading", Icon: IconH2, run: (chain) => chain.toggleHeading({ level: 2 }), active: ["heading", { level: 2 }] },
  { label: "Bullet list", Icon: IconList, run: (chain) => chain.toggleBulletList(), active: ["bulletList"] },
  { label: "Numbered list", Icon: IconListNumbers, run: (chain) => chain.toggleOrderedList(), active: ["orderedList"] },
  { label: "Quotation", Icon: IconBlockquote, run: (chain) => chain.toggleBlockquote(), active: ["blockquote"] },
  { label: "Code block", Icon: IconCode, run: (chain) => chain.toggleCodeBlock(), active: ["codeBlock"] },
  { label: "Undo", Icon: IconArrowBackUp, run: (chain) => chain.undo() },
  { label: "Redo", Icon: IconArrowForwardUp, run: (chain) => chain.redo() },
];

export function Toolbar({ editor }: { editor: Editor }) {
  const pressed = useEditorState({
    editor,
    selector: ({ editor: now }) => TOOLS.map(({ active }) => active !== undefined && now.isActive(...active)),
  });
  const [at, setAt] = useState(0);
  const bar = useRef<HTMLDivElement>(null);

  function onKeyDown(event: KeyboardEvent) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = (at + step + TOOLS.length) % TOOLS.length;
    setAt(next);
    bar.current?.querySelectorAll("button")[next]?.focus();
  }

  return (
    <div ref={bar} role="toolbar" aria-label="Formatting" className="toolbar" onKeyDown={onKeyDown}>
      {TOOLS.map(({ label, Icon, run, active }, index) => (
        <Tooltip key={label} label={label} openDelay={400}>
          <ActionIcon
            variant={pressed[index] ? "light" : "subtle"}
            color={pressed[index] ? undefined : "gray"}
            c="inherit"
            size="lg"
            aria-label={label}
            aria-pressed={active ? (pressed[index] ?? false) : undefined}
            tabIndex={index === at ? 0 : -1}
            onFocus={() => setAt(index)}
            onClick={() => run(editor.chain().focus()).run()}
          >
            <Icon size={18} />
          </ActionIcon>
        </Tooltip>
      ))}
    </div>
  );
}
