package world

import "fmt"

// Error is an answer by which AWS refuses a call. The wire layer turns it into
// the protocol's form.
type Error struct {
	Code    string // AWS's exception name, such as ResourceConflictException
	Status  int    // HTTP status
	Message string // AWS's text where it is recorded
	Type    string // "User" where the body says whose fault it is; Lambda only
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

func refuse(status int, code, format string, args ...any) error {
	return &Error{Code: code, Status: status, Message: fmt.Sprintf(format, args...)}
}
