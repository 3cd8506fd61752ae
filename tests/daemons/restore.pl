# When SpamAssassin puts its configuration back, as spamd asks for it after each connection. Run by
# test_restore_plugin.py.

use strict;
use warnings;

use JSON::PP;
use Mail::SpamAssassin;

my ($site, $rules, $preferences, $home) = @ARGV;
my $main = Mail::SpamAssassin->new({
    site_rules_filename  => $site,
    rules_filename       => $rules,
    userprefs_filename   => '/dev/null',
    local_tests_only     => 1,
    dont_copy_prefs      => 1,
    userstate_dir        => $home,
    home_dir_for_helpers => $home,
});
$main->compile_now(0, 1);    # as spamd does before it forks
my %backup;
$main->copy_config(undef, \%backup);
my $MARK = 99;

# What required_score is after one connection.
sub after {
    my ($connection) = @_;
    $main->{conf}{required_score} = $MARK;
    $connection->();
    $main->copy_config(\%backup, undef) or die "not put back";
    return $main->{conf}{required_score} + 0;
}

print encode_json({
    first   => after(sub { }),
    ping    => after(sub { }),
    prefs   => after(sub { $main->read_scoreonly_config($preferences) }),
    again   => after(sub { }),
    message => after(sub { $main->parse(["Subject: x\n", "\n", "y\n"])->finish() }),
    last    => after(sub { }),
});
