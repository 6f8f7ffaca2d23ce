/** BR_STATE_*, linux/if_bridge.h: whether a bridge's port takes part. The number of a state is its place here. */
export const PORT_STATES = ["disabled", "listening", "learning", "forwarding", "blocking"] as const;

export const BR_STATE_LEARNING = 2;
export const BR_STATE_FORWARDING = 3;
