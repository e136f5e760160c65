package source

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/plumbing/transport/ssh"
)

// Where credentials come from.
const (
	EnvUsername   = "EVENTROUTING_GIT_USERNAME"
	EnvToken      = "EVENTROUTING_GIT_TOKEN"
	EnvTokenFile  = "EVENTROUTING_GIT_TOKEN_FILE"
	EnvSSHKeyFile = "EVENTROUTING_GIT_SSH_KEY_FILE"
)

// Credentials open a git repository. Files are read at each use, so that a
// token that is rotated needs no restart.
type Credentials struct {
	Username   string // beside a token; default the URL's, else one that the large hosts accept. An ssh URL's own wins
	Token      Secret // or password, for http and https
	TokenFile  string // a file that holds the token
	SSHKeyFile string // a private key without passphrase, for ssh; default the agent's keys
}

// CredentialsFrom takes credentials from the environment.
func CredentialsFrom(getenv func(string) string) Credentials {
	return Credentials{
		Username: getenv(EnvUsername), Token: Secret(getenv(EnvToken)),
		TokenFile: getenv(EnvTokenFile), SSHKeyFile: getenv(EnvSSHKeyFile),
	}
}

// Secret is a text that package fmt, slog and encoding/json do not show.
type Secret string

const hidden = "xxxxx"

// Format implements fmt.Formatter.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, s.shown()) }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.shown()), nil }

func (s Secret) shown() string {
	if s == "" {
		return ""
	}
	return hidden
}

// defaultUser is what GitHub documents; GitLab and Gitea take any name.
const defaultUser = "x-access-token"

// take adds what stands in a URL. A name alone may be a token, as some hosts
// have it.
func (c *Credentials) take(user *url.Userinfo) error {
	password, ok := user.Password()
	set := c.Token != "" || c.TokenFile != ""
	switch {
	case ok && set:
		return errors.New("the URL of the git repository has a password and a token is set: remove one")
	case ok:
		c.Token = Secret(password)
	case !set:
		c.Token = Secret(user.Username())
	}
	c.Username = cmp.Or(c.Username, user.Username())
	return nil
}

// fits refuses credentials that the transport would pass over in silence.
func (c Credentials) fits(protocol string) error {
	web := protocol == "http" || protocol == "https"
	switch {
	case c.Token != "" && c.TokenFile != "":
		return errors.New("both a token and a token file are set: set one of " + EnvToken + " and " + EnvTokenFile)
	case !web && (c.Token != "" || c.TokenFile != ""):
		return fmt.Errorf("a token is for https, not for %s: unset %s and %s, or correct the URL", protocol, EnvToken, EnvTokenFile)
	case protocol != "ssh" && c.SSHKeyFile != "":
		return fmt.Errorf("a key file is for ssh, not for %s: unset %s, or correct the URL", protocol, EnvSSHKeyFile)
	}
	return nil
}

// method is what go-git wants, and the texts that no error may show. Both are
// empty for none.
func (c Credentials) method(protocol string) (transport.AuthMethod, []string, error) {
	switch {
	case c.SSHKeyFile != "":
		keys, err := ssh.NewPublicKeysFromFile(cmp.Or(c.Username, ssh.DefaultUsername), c.SSHKeyFile, "")
		if err != nil {
			return nil, nil, fmt.Errorf("read %s: %w", EnvSSHKeyFile, err)
		}
		return keys, nil, nil
	case protocol == "ssh":
		return nil, nil, nil
	}
	token := string(c.Token)
	if c.TokenFile != "" {
		text, err := os.ReadFile(c.TokenFile)
		if err != nil {
			return nil, nil, fmt.Errorf("read %s: %w", EnvTokenFile, err)
		}
		if token = strings.TrimSpace(string(text)); token == "" {
			return nil, nil, fmt.Errorf("read %s: %s is empty", EnvTokenFile, c.TokenFile)
		}
	}
	if token == "" {
		return nil, nil, nil
	}
	auth := &http.BasicAuth{Username: cmp.Or(c.Username, defaultUser), Password: token}
	return auth, []string{token, url.QueryEscape(token), url.PathEscape(token)}, nil
}

// clean hides secrets in what an error says. The error itself is dropped with
// them, because it could be asked again.
func clean(err error, secrets []string) error {
	text := err.Error()
	for _, s := range secrets {
		text = strings.ReplaceAll(text, s, hidden)
	}
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}
