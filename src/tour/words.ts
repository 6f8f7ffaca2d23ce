/** What the tour says beside its chapters. */
import type { Language, Text } from "./types.ts";

export const WORDS = {
  chapter: (number: number): Text => ({ en: `Chapter ${number}: `, zh: `第 ${number} 章：` }),
  scene: { en: "What earlier chapters made:", zh: "先准备好前面章节创建的对象：" },
  picture: { en: "The picture so far:", zh: "目前的全貌：" },
  pause: { en: "[Enter: go on, q: leave]", zh: "［回车：继续，q：退出］" },
  clean: { en: "Taking back what was made …", zh: "正在清理……" },
  cleaned: { en: "All is as it was.", zh: "一切已恢复原样。" },
} as const satisfies Record<string, Text | ((number: number) => Text)>;

export const LANGUAGES: readonly Language[] = ["en", "zh"];

/** The language of `LANG=zh_CN.UTF-8` and its like; English otherwise. Source: locale(7). */
export function languageOf(environment: Readonly<Record<string, string | undefined>>): Language {
  const { LC_ALL, LC_MESSAGES, LANG } = environment;
  return (LC_ALL || LC_MESSAGES || LANG || "").startsWith("zh") ? "zh" : "en";
}
