package wire

import "crypto/ed25519"

// SealRaw signs what may be no task as one.
func SealRaw(key ed25519.PrivateKey, raw []byte) ([]byte, error) { return seal(key, taskPurpose, raw) }
