/**
 * The form of both ways in: fields, one button, and what the server said about them.
 * Knows neither signing in nor signing up.
 */
import { Button, PasswordInput, Stack, TextInput } from "@mantine/core";
import { Problem, Unreachable } from "@studyhall/client";
import { useMutation } from "@tanstack/react-query";
import type { FormEvent, ReactNode } from "react";
import { Notice } from "./Notice";

export interface Field {
  name: string;
  label: string;
  type: "email" | "text" | "password";
  autoComplete: string;
  description?: string;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  initial?: string;
}

interface Props {
  fields: Field[];
  button: string;
  submit: (values: Record<string, string>) => Promise<unknown>;
  children?: ReactNode;
}

export function AuthForm({ fields, button, submit, children }: Props) {
  const { mutate, isPending, error } = useMutation({ mutationFn: submit });
  const fieldErrors = error instanceof Problem ? error.errors : [];
  const errorOf = (name: string) => fieldErrors.find(({ pointer }) => pointer.replace(/^[#/]+/, "") === name)?.detail;
  const named = fields.some(({ name }) => errorOf(name));

  function onSubmit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const entries = [...new FormData(event.currentTarget)].map(([name, value]) => [name, String(value)]);
    mutate(Object.fromEntries(entries));
  }

  return (
    <form onSubmit={onSubmit} className="sheet" style={{ padding: 24 }}>
      <Stack>
        {error && !named && (
          <Notice role="alert" tone={error instanceof Unreachable ? "wait" : "stop"}>
            {error instanceof Unreachable ? "The server cannot be reached. Try again in a moment." : error.message}
          </Notice>
        )}
        {fields.map(({ name, type, initial, ...rest }) => {
          const Input = type === "password" ? PasswordInput : TextInput;
          const typed = type === "password" ? {} : { type };
          return (
            <Input
              key={name}
              name={name}
              size="md"
              required
              withAsterisk={false}
              defaultValue={initial}
              error={errorOf(name)}
              {...typed}
              {...rest}
            />
          );
        })}
        <Button type="submit" size="md" loading={isPending}>
          {button}
        </Button>
        {children}
      </Stack>
    </form>
  );
}
