//! Why a task, target or service fails, in words that lead to the fix.
