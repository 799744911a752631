package ember

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// deviceOf is the number of the device a directory lies on, "major:minor".
func deviceOf(dir string) (string, error) {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return "", fmt.Errorf("ember: looking at the volume: %w", err)
	}
	return fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev)), nil
}
